"""Decisions: authorisation, rate limits, retries, what a callback's response means."""
