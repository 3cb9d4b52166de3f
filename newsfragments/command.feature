The command ``xmpprest`` has the subcommands ``doctor`` and ``token``.
