Nothing that a client or a callback sends can close the stream or stall the gateway: every size, time and number has a limit.
