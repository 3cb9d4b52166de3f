"""Files that are uploaded to the XMPP server's upload service (XEP-0363)."""
