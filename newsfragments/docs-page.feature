At ``/rest/docs`` every route can be tried in a browser, and ``/rest/openapi.json`` describes them all (OpenAPI 3.1).
