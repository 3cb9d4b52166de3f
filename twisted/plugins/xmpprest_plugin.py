"""Tells C{twistd} about xmpprest."""

from twisted.application.service import ServiceMaker

xmpprest = ServiceMaker(
    "xmpprest",
    "xmpprest.tap",
    "An HTTP gateway to XMPP, beside any server.",
    "xmpprest",
)
