Every form of a request target of RFC 9112 is accepted or refused as it should be, and a
malformed percent-encoding in a path or query is refused with 400.
