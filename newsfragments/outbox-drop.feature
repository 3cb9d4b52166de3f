``GET /rest/outbox`` lists queued messages, and ``DELETE /rest/outbox/KEY`` drops one; it needs the new right ``drop``.
