"""C{POST /rest/batch}: many stanzas in one request."""
