Responses of the API carry ``Content-Security-Policy: default-src 'none'; sandbox`` and
``X-Content-Type-Options: nosniff``.
