"""Tests of L{xmpprest.outbox.direct}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.support.delivery import HeldStream
from tests.support.doubles import stanza
from xmpprest.core.errors import Refusal, serviceUnavailable
from xmpprest.outbox.direct import DirectOutbox

MESSAGE = "<message to='ann@example.com'><body>hi</body></message>"


class DirectTests(SynchronousTestCase):
    """
    Tests of L{DirectOutbox}.
    """

    def test_accept(self) -> None:
        """An accepted message is written."""
        stream, outbound = HeldStream(), stanza(MESSAGE)
        accepting = Deferred.fromCoroutine(DirectOutbox(stream.send).accept(outbound))
        self.successResultOf(accepting)
        self.assertEqual([outbound], stream.sent)

    def test_refused(self) -> None:
        """A message that cannot be written is refused."""
        refusal = serviceUnavailable("x", "There is no stream.", 5)
        stream, outbound = HeldStream(problems=[refusal]), stanza(MESSAGE)
        accepting = Deferred.fromCoroutine(DirectOutbox(stream.send).accept(outbound))
        self.assertIs(refusal, self.failureResultOf(accepting).value)

    def test_enqueue(self) -> None:
        """
        A message is written at once, and has no number; or it is refused.
        """
        refusal = serviceUnavailable("x", "There is no stream.", 5)
        stream, outbound = HeldStream(problems=[refusal]), stanza(MESSAGE)
        outbox, results = DirectOutbox(stream.send), list[object]()
        self.assertRaises(Refusal, outbox.enqueue, outbound, results.append)
        outbox.enqueue(outbound, results.append)
        self.assertEqual(([0], [outbound]), (results, stream.sent))

    def test_room(self) -> None:
        """A client with more messages waits as long as the stream requires it."""
        easing: Deferred[None] = Deferred()
        self.assertIs(
            easing, DirectOutbox(HeldStream().send, lambda: easing).whenBelowHighWater()
        )
        self.successResultOf(DirectOutbox(HeldStream().send).whenBelowHighWater())
