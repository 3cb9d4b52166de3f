"""Tests that need time, threads, sockets or processes, but no XMPP server."""
