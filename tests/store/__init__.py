"""Tests for what keeps what must survive."""
