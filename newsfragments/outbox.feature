``GET /rest/outbox/{id}`` tells what has become of a message, and ``Prefer: wait=10`` lets the POST wait for it.
