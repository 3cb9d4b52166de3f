"""Takes inbound stanzas to the callback; L{inbox} is where they come in."""
