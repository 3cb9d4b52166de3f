"""Carries stanzas out to the stream and in to the callback."""
