/readyz and the doctor tell why there is no connection to the XMPP server.
