"""Updates: inbound stanzas that a client fetches instead of getting them POSTed."""

#: The URL of a callback whose stanzas a client fetches.
PULL_URL = "pull:"
