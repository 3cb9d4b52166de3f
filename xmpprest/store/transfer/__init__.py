"""Copies all records from one kind of store to the other."""
