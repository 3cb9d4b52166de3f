"""Processes and helpers of the benchmarks."""
