"""Media types, content negotiation, JSON, CBOR and framing."""
