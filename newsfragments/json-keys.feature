New JSON keys: ``unstyled``, ``markup``, ``mentions``, ``displayed_sync``, ``hats``,
``block``, ``unblock``, ``blocklist``, ``report`` within ``block``, ``pubsub``,
``pubsub_event``, ``bookmark`` within their items, and ``vcard``.
