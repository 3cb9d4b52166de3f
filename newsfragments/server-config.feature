``xmpprest doctor --server-config FILE`` checks Prosody's ``component_conflict_resolve``
and ejabberd's ``domain_balancing``.
