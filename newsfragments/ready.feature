``/readyz`` tells whether the gateway is ready, and which part of it is not.
