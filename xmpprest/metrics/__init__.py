"""Metrics: counters and histograms, and how Prometheus reads them."""
