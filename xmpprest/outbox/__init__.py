"""Takes outbound messages to the stream; L{outbox} is where they come in."""
