"""Delivers outbound messages to the XMPP server; L{outbox} is the entrance."""
