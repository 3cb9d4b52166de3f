"""
The OpenAPI document of the gateway (https://spec.openapis.org/oas/v3.1.1).

Its fixed parts are YAML files in this directory. The schemas of stanzas, and the bodies
that hold stanzas, are made from the table of JSON keys.
"""
