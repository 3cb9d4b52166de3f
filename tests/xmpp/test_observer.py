"""Tests of L{xmpprest.xmpp.observer}: the observers of a component's stream."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.python.failure import Failure
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from xmpprest.core.stanza.serializer import toXML

from ..support.doubles import DOMAIN, HeldServer, stanza
from .case import ComponentTestCase, PairingTestCase

MESSAGE = f"<message from='{DOMAIN}' to='a@example.org' id='1'/>"
#: What both observers are told.
UP = ["first connected", "second connected"]
DOWN = ["first disconnected", "second disconnected"]


class Recorder:
    """
    A stanza observer that records what it is told, and nothing of connections.

    @ivar xml: The stanzas that were written.
    @ivar came: The kinds of what has arrived.
    """

    def __init__(self) -> None:
        self.xml: list[str] = []
        self.came: list[str] = []

    def sent(self, xml: str) -> None:
        """Record a stanza that was written."""
        self.xml.append(xml)

    def received(self, stanza: Element) -> None:
        """Record a stanza that has arrived."""
        self.came.append(stanza.name)


class StanzaObserverTests(PairingTestCase):
    """Stanza observers are told of the stanzas on the stream."""

    def setUp(self) -> None:
        super().setUp()
        self.recorder = Recorder()
        self.component.addObserver(self.recorder)

    def handle(self, stanza: Element) -> None:
        """Record when a stanza is passed on."""
        self.recorder.came.append("passed on")

    def test_sent(self) -> None:
        """Every written stanza is reported once, as XML; an iq as it is on the wire."""
        self.sender.send(stanza(MESSAGE))
        self.sender.write(toXML(stanza(MESSAGE)))
        self.server.stanzas()
        replying, wireID = self.ask()
        message, again, iq = self.recorder.xml
        self.assertEqual(message, toXML(stanza(MESSAGE)))
        self.assertEqual(again, message)
        self.assertEqual(stanza(iq)["id"], wireID)
        self.assertNoResult(replying)

    def test_notSent(self) -> None:
        """A refused stanza is not reported as sent."""
        self.server.lose()
        self.refusedBy(lambda: self.sender.send(stanza(MESSAGE)))
        self.assertEqual(self.recorder.xml, [])

    def test_received(self) -> None:
        """
        Every inbound stanza is reported before it is handled, replies included; other
        elements are not.
        """
        replying, wireID = self.ask()
        replying.addCallback(lambda _: self.recorder.came.append("replied"))
        self.reply(wireID)
        self.server.send("<message from='a@example.org'/><handshake/>")
        self.assertEqual(self.recorder.came, ["iq", "replied", "message", "passed on"])

    def test_loopback(self) -> None:
        """The gateway's own iqs to itself are nobody else's business, both ways."""
        crossing = self.pairing.pingSelf(30)
        self.server.send(toXML(self.server.stanza()))
        self.successResultOf(crossing)
        self.assertEqual((self.recorder.xml, self.recorder.came), ([], []))


@dataclass
class Listener:
    """A connection observer that writes into a list, with its name."""

    name: str
    heard: list[str]

    def connected(self) -> None:
        """The stream is up."""
        self.heard.append(f"{self.name} connected")

    def disconnected(self) -> None:
        """The stream is lost."""
        self.heard.append(f"{self.name} disconnected")


class ConnectionObserverTests(ComponentTestCase):
    """Connection observers are told when the stream is up and when it is lost."""

    def setUp(self) -> None:
        super().setUp()
        self.heard: list[str] = []
        for name in ("first", "second"):
            self.component.addObserver(Listener(name, self.heard))

    def taken(self) -> list[str]:
        """Return the calls since the last one."""
        heard, self.heard[:] = self.heard[:], []
        return heard

    def test_order(self) -> None:
        """Observers are told in the order in which they were added."""
        self.connect().lose()
        self.assertEqual(
            self.heard,
            [
                f"{who} {what}"
                for what in ("connected", "disconnected")
                for who in ("first", "second")
            ],
        )

    def test_lost(self) -> None:
        """A connection that breaks is one event, its successor another."""
        server: HeldServer = self.connect()
        self.assertEqual(self.taken(), UP)
        server.lose()
        self.assertEqual(self.taken(), DOWN)
        self.clock.advance(60)
        self.connect()
        self.assertEqual(self.taken(), UP)

    def test_ended(self) -> None:
        """Observers are told at once when the gateway itself ends the stream."""
        self.connect()
        self.component.stopService()
        self.assertEqual(self.taken(), UP + DOWN)

    def test_refused(self) -> None:
        """A stream that was never up cannot be lost."""
        server = self.endpoint.accept()
        server.open()
        server.lose()
        self.assertEqual(self.taken(), [])


class _Handler(XMPPHandler):
    """
    A wokkel handler, as another Twisted program may have it.

    @ivar heard: What the handler was told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def connectionInitialized(self) -> None:
        """Send a message as soon as the stream is up."""
        self.heard.append("initialized")
        self.send(stanza(MESSAGE))

    def connectionLost(self, reason: Failure) -> None:
        """Record the loss."""
        super().connectionLost(reason)
        self.heard.append("lost")


class HandlerTests(ComponentTestCase):
    """Handlers of wokkel can be added to the component."""

    def test_handler(self) -> None:
        """A handler is told of the stream, and can send."""
        handler, recorder = _Handler(), Recorder()
        handler.setHandlerParent(self.component)
        self.component.addObserver(recorder)
        self.connect().lose()
        self.assertEqual(recorder.xml, [toXML(stanza(MESSAGE))])
        self.assertEqual(handler.heard, ["initialized", "lost"])

    def test_late(self) -> None:
        """A handler that is added to a stream that is up is told at once."""
        server = self.connect()
        handler = _Handler()
        handler.setHandlerParent(self.component)
        self.assertEqual(server.stanza()["id"], "1")
        self.assertEqual(handler.heard, ["initialized"])

    def test_notQueued(self) -> None:
        """A stanza that a handler sends without a stream is refused, not queued."""
        self.refusedBy(lambda: self.component.send(stanza(MESSAGE)))
        self.assertEqual(self.connect().stanzas(), [])
