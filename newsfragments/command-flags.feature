All commands of ``xmpprest`` suggest the flag that was meant, and ``xmpprest hook`` warns of a recipient whose domain has no dot.
