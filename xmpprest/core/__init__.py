"""What the gateway decides: pure functions and values, no reactor, no I/O."""
