"""Tests of L{xmpprest.rooms}."""
