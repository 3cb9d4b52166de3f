``--store postgresql://ROLE@HOST/DATABASE`` keeps accepted stanzas in a PostgreSQL database instead of a file; it needs ``pip install 'xmpprest[postgresql]'``.
