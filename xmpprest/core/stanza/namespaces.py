"""The XML namespaces that the gateway uses, each with its specification."""

#: RFC 6120 §4.8.2: the namespace of stanzas in memory and for HTTP clients.
CLIENT = "jabber:client"
#: XEP-0114: the namespace of stanzas on a component's stream.
COMPONENT = "jabber:component:accept"
#: RFC 6120 §4.8.1
STREAMS = "http://etherx.jabber.org/streams"
#: RFC 6120 §4.9.2
STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"
#: RFC 6120 §8.3.2
STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
#: XML Namespaces 1.0 §3
XML = "http://www.w3.org/XML/1998/namespace"
#: XEP-0004
DATA = "jabber:x:data"
#: XEP-0012
LAST = "jabber:iq:last"
#: XEP-0030
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
#: XEP-0045
MUC_USER = "http://jabber.org/protocol/muc#user"
#: XEP-0054
VCARD = "vcard-temp"
#: XEP-0059
RSM = "http://jabber.org/protocol/rsm"
#: XEP-0071
XHTML = "http://www.w3.org/1999/xhtml"
#: XEP-0092
VERSION = "jabber:iq:version"
#: XEP-0115
CAPS = "http://jabber.org/protocol/caps"
#: XEP-0153
VCARD_UPDATE = "vcard-temp:x:update"
#: XEP-0184
RECEIPTS = "urn:xmpp:receipts"
#: XEP-0199
PING = "urn:xmpp:ping"
#: XEP-0202
TIME = "urn:xmpp:time"
#: XEP-0203
DELAY = "urn:xmpp:delay"
#: XEP-0280
CARBONS = "urn:xmpp:carbons:2"
#: XEP-0297
FORWARD = "urn:xmpp:forward:0"
#: XEP-0313
MAM = "urn:xmpp:mam:2"
#: XEP-0359
SID = "urn:xmpp:sid:0"
#: XEP-0432, and its payload by XEP-0335
JSON_MESSAGE = "urn:xmpp:json-msg:0"
JSON = "urn:xmpp:json:0"
