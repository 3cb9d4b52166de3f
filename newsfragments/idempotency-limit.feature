``record-limit`` also limits idempotency keys, which are never deleted early: beyond it, and beyond the share of a token, requests with new keys get 503 with ``Retry-After``.
