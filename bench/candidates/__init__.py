"""Who is measured: each takes stanzas over HTTP in its own way."""
