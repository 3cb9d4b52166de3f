A query of a message archive is answered with all messages that the archive sends, and with nobody else's.
