"""Several instances of a gateway: which one is active."""
