``--demo`` runs the gateway with an XMPP server, a peer and a callback of its own, to try it out, or to write a bot.
