``POST /rest/files`` uploads a file to the XMPP server's upload service (``upload-service``, ``upload-size-limit``) and returns its URL; it needs the extra ``files``.
