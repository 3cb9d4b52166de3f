"""What must survive the gateway: one interface, and what keeps it."""
