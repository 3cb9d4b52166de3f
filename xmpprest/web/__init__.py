"""HTTP requests in, L{Response<xmpprest.web.response.Response>} values out."""
