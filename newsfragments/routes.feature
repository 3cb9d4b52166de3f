A path may say whom a stanza is for (``POST /rest/message/chat/user@example.org``), a query is one URL (``GET /rest/version/example.org``), and ``POST /rest/echo`` shows what would be sent.
