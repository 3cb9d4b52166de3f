"""The inbox of a callback whose client fetches its stanzas."""
