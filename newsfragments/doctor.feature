``python -m xmpprest doctor`` checks a configuration from end to end (the XMPP server and the secret, the callback, the clock, the disk), beside a gateway that runs, too, and says what to change.
