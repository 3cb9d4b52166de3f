Each line of ``--log-requests`` has the client's address, the name of the token, and the
reason of a refusal.
