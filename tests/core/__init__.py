"""Tests of L{xmpprest.core}: in memory, without a reactor."""
