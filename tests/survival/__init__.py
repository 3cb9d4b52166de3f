"""Nothing accepted is lost: the gateway and the servers are killed under load."""
