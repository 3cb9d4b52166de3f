In a browser, ``/`` and ``/rest`` link to the web console and the API documentation.
