"""Several gateways that work as one."""
