``POST /rest/batch`` sends many stanzas by one request, read as they come and each answered by a line of its own.
