"""The programs that are compared; each takes stanzas over HTTP in its own way."""
