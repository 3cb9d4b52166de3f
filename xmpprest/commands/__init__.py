"""The subcommands of C{python -m xmpprest}."""
