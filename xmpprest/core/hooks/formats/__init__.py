"""Formats of webhooks: one module per format or family of formats."""
