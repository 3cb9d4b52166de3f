"""The XML namespaces that the gateway speaks, each by its specification."""

#: RFC 6120 §4.8.2: what a stanza is in, in memory and to HTTP clients.
CLIENT = "jabber:client"
#: XEP-0114: what the same stanza is in on a component's stream.
COMPONENT = "jabber:component:accept"
#: RFC 6120 §4.8.1
STREAMS = "http://etherx.jabber.org/streams"
#: RFC 6120 §4.9.2
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
#: RFC 6120 §8.3.2
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
#: XML Namespaces 1.0 §3
XML = "http://www.w3.org/XML/1998/namespace"
#: XEP-0012
LAST = "jabber:iq:last"
#: XEP-0030
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
#: XEP-0045
MUC_USER = "http://jabber.org/protocol/muc#user"
#: XEP-0092
VERSION = "jabber:iq:version"
#: XEP-0184
RECEIPTS = "urn:xmpp:receipts"
#: XEP-0199
PING = "urn:xmpp:ping"
#: XEP-0202
TIME = "urn:xmpp:time"
