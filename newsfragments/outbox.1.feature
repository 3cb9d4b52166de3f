``GET /rest/outbox/{id}`` also says whom the message is from.
