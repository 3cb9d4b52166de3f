Each answer has a ``Request-Id``, its own or that of the request, which is also in the log.
