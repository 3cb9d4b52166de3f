``POST /rest/files`` uploads a file to the XMPP server's upload service and returns its URL;
it needs the extra ``files``.
