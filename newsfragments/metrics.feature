``/metrics`` shows Prometheus what the gateway does: to a token that may see it, and without one on the endpoint of ``--admin-listen``.
