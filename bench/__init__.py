"""Benchmarks that anyone can run again. The tests measure no time."""
