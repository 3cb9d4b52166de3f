Several gateways with one configuration can share a PostgreSQL store: one is active, the others answer 503 and take over within seconds.
