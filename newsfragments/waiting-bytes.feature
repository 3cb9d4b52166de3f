The metrics ``xmpprest_outbox_bytes``, ``xmpprest_inbox_bytes``, ``xmpprest_idempotency_keys`` and ``xmpprest_record_limit`` are in the dashboard, and an alert warns of too many idempotency keys.
