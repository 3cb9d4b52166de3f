"""Decisions as pure functions and values: no reactor, no I/O."""
