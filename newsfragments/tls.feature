HTTPS in front of the gateway, and verified HTTPS to the callback, with ``--callback-ca-file`` for a CA of one's own.
