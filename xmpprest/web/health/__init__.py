"""Resources for operators: /livez, /readyz and /metrics."""
