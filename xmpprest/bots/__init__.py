"""
The bots: their rosters in memory and in the store, and their presence on the stream.
L{xmpprest.core.bots} describes what bots are and decides what they do.
"""
