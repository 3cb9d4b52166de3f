"""Tests for the instances of a gateway."""
