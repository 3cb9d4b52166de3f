"""Idempotency keys: the header, and the guard that replays responses."""
