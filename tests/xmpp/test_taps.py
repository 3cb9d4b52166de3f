"""Tests of L{xmpprest.xmpp.component}: who looks on at what is sent and received."""

from __future__ import annotations

from twisted.words.xish.domish import Element

from xmpprest.core.stanza.serializer import toXML

from ..support.doubles import DOMAIN, stanza
from .case import PairingTestCase

MESSAGE = f"<message from='{DOMAIN}' to='a@example.org' id='1'/>"


class TapTests(PairingTestCase):
    """What is told of the stanzas on the stream."""

    def setUp(self) -> None:
        super().setUp()
        self.sent: list[str] = []
        self.component.onSent = self.sent.append
        self.came: list[str] = []
        self.component.onReceived = lambda stanza: self.came.append(stanza.name)

    def test_sent(self) -> None:
        """What is written is told of once, as XML; and iqs are, as on the wire."""
        self.component.send(stanza(MESSAGE))
        self.component.write(toXML(stanza(MESSAGE)))
        self.server.stanzas()
        replying, wireID = self.ask()
        message, again, iq = self.sent
        self.assertEqual(message, toXML(stanza(MESSAGE)))
        self.assertEqual(again, message)
        self.assertEqual(stanza(iq)["id"], wireID)
        self.assertNoResult(replying)

    def test_notSent(self) -> None:
        """What is refused has not been sent."""
        self.server.lose()
        self.refusedBy(lambda: self.component.send(stanza(MESSAGE)))
        self.assertEqual(self.sent, [])

    def test_received(self) -> None:
        """
        What comes is told of before it is dealt with, be it a reply or not; what is no
        stanza is not.
        """

        def receive(stanza: Element) -> None:
            self.came.append("passed on")

        self.component.onStanza = receive
        replying, wireID = self.ask()
        replying.addCallback(lambda _: self.came.append("replied"))
        self.reply(wireID)
        self.server.send("<message from='a@example.org'/><handshake/>")
        self.assertEqual(self.came, ["iq", "replied", "message", "passed on"])

    def test_loopback(self) -> None:
        """The gateway's own iqs to itself are nobody else's business, both ways."""
        crossing = self.pairing.pingSelf(30)
        self.server.send(toXML(self.server.stanza()))
        self.successResultOf(crossing)
        self.assertEqual((self.sent, self.came), ([], []))
