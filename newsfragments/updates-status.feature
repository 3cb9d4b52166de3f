``GET /rest/updates/status`` and the console show how many updates wait for each client that fetches them, for how long, and when it was there last; there is an alert for Prometheus.
