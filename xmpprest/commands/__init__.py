"""The subcommands of C{xmpprest}."""
