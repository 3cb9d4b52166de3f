``/livez`` tells that the gateway lives, and ``/readyz`` now also whether the XMPP server takes what is written to it.
