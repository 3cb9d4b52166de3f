"""Webhooks of other programs: detection, signatures, facts and messages."""
