Queries that no callback wants (ping, service discovery, version, time, last activity) are answered by the gateway itself.
