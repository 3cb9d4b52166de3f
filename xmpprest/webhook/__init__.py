"""The HTTP client of the callbacks."""
