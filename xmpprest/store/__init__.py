"""The store: accepted stanzas and idempotency keys, which must survive the gateway."""
