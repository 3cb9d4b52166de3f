"""Tests that look at the gateway's page with a real browser: headless Chromium."""
