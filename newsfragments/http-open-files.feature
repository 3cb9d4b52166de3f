Open files are kept free for the XMPP server, the callbacks and the store: when HTTP
connections have taken all others, new ones wait, and the log says so.
