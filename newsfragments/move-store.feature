``xmpprest move-store FROM TO`` copies everything from a store in SQLite to one in PostgreSQL, or back.
