"""Tests of L{xmpprest.outbox.direct}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.xmlstream import Authenticator, XmlStream
from twisted.words.xish.domish import Element

from tests.support.doubles import DOMAIN, HeldTransport, stanza
from xmpprest.core.errors import Refusal
from xmpprest.outbox.direct import DirectOutbox
from xmpprest.xmpp.encoding import MAX_STANZA_BYTES
from xmpprest.xmpp.sender import StanzaSender

MESSAGE = "<message to='ann@example.com'><body>hi</body></message>"
LONG = MESSAGE.replace("hi", "x" * MAX_STANZA_BYTES)


class DirectTests(SynchronousTestCase):
    """
    Tests of L{DirectOutbox}.
    """

    def setUp(self) -> None:
        self.sender = StanzaSender(DOMAIN, Clock())
        self.outbox = DirectOutbox(self.sender)
        self.transport = HeldTransport()
        self.results: list[object] = []

    def connect(self) -> None:
        """Open a stream."""
        stream = XmlStream(Authenticator())
        stream.makeConnection(self.transport)
        self.sender.open(stream)
        self.transport.clear()

    def written(self) -> int:
        """Return the number of messages written since the last call."""
        return self.transport.taken().count(b"<body>hi</body>")

    def refusedAll(self, *xml: str) -> int:
        """Return the status of the refusal of several messages."""
        stanzas, done = [stanza(each) for each in xml], self.results.append
        refusal = self.assertRaises(
            Refusal, self.outbox.enqueueAll, stanzas, done, keys=()
        )
        status: int = refusal.problem.status
        return status

    def accept(self, outbound: Element) -> Deferred[None]:
        """Begin to accept a stanza."""
        return Deferred.fromCoroutine(self.outbox.accept(outbound))

    def test_accept(self) -> None:
        """An accepted message is written."""
        self.connect()
        self.successResultOf(self.accept(stanza(MESSAGE)))
        self.assertEqual(self.written(), 1)

    def test_refused(self) -> None:
        """A message that cannot be written is refused."""
        refusal = self.failureResultOf(self.accept(stanza(MESSAGE)), Refusal).value
        self.assertEqual(refusal.problem.status, 503)

    def test_enqueue(self) -> None:
        """
        A message is written at once, and has no number; or it is refused.
        """
        outbound, done = stanza(MESSAGE), self.results.append
        self.assertRaises(Refusal, self.outbox.enqueue, outbound, done)
        self.connect()
        self.outbox.enqueue(outbound, done)
        self.assertEqual((self.results, self.written()), ([0], 1))

    def test_enqueueAll(self) -> None:
        """
        Several messages are written together, or none of them: if one is too long, or
        if there is no stream.
        """
        self.assertEqual(self.refusedAll(MESSAGE, MESSAGE), 503)
        self.connect()
        self.assertEqual(self.refusedAll(MESSAGE, LONG), 413)
        self.assertEqual((self.written(), self.results), (0, []))
        messages = [stanza(MESSAGE), stanza(MESSAGE)]
        self.outbox.enqueueAll(messages, self.results.append, keys=())
        self.assertEqual((self.written(), self.results), (2, [[0, 0]]))

    def test_room(self) -> None:
        """A client with more messages waits as long as the stream requires it."""
        easing: Deferred[None] = Deferred()
        outbox = DirectOutbox(self.sender, lambda: easing)
        self.assertIs(easing, outbox.whenBelowHighWater())
        self.successResultOf(self.outbox.whenBelowHighWater())
