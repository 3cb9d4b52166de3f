"""Helpers for Deferreds and timers: waiters, single flight, cancel scopes."""
