"""Finds out why a gateway would not work, and says what to change."""
