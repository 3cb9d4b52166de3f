``outbox-size`` limits the bytes of the messages that wait, and no token, sender or domain can fill the outbox.
