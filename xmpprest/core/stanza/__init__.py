"""Stanzas: parsing, checks, addresses and serialisation."""
