Errors of the HTTP server itself (400, 408, 413, 414, 431) have the format of the API's
errors, with a ``Request-Id``, and count in the metrics.
