"""C{xmpprest doctor}: checks a configuration and says what to change."""
