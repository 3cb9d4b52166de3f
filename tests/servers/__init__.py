"""
Real XMPP servers and independent XMPP entities, for tests that must not
believe xmpprest's own idea of XMPP.
"""
