"""Tests for L{xmpprest.xmpp.barrier}."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Refusal
from xmpprest.core.stanza.serializer import toXML
from xmpprest.xmpp.barrier import LOOPBACK, NONE, PING, TIMEOUT

from ..support.doubles import DOMAIN, said
from .case import ComponentTestCase

#: What a component in no other domain is called.
PARENT = DOMAIN.partition(".")[2]


class BarrierTests(ComponentTestCase):
    """
    A barrier that comes back shows that the server has taken all before it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.barrier = self.sender.barrier
        self.server = self.connect()

    def wait(self) -> Deferred[bool]:
        """Send a barrier."""
        return self.barrier.wait()

    def answer(self, type: str, condition: str = "", sender: str = DOMAIN) -> Element:
        """Answer the only iq; returns it."""
        iq = self.server.stanza()
        error = ""
        if condition:
            error = (
                f"<error type='cancel'><{condition}"
                " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            )
        self.server.send(
            f"<iq type='{type}' id='{iq['id']}' from='{sender}' to='{DOMAIN}'>{error}"
            "</iq>"
        )
        return iq

    def fallBack(self) -> Deferred[bool]:
        """The server does not route what we send to ourselves."""
        crossing = self.wait()
        self.answer("error", "service-unavailable")
        return crossing

    def test_loopback(self) -> None:
        """Our own iq comes back."""
        crossing = self.wait()
        iq = self.server.stanza()
        self.assertEqual((iq["to"], iq["from"], iq["type"]), (DOMAIN, DOMAIN, "get"))
        self.assertNoResult(crossing)
        self.server.send(toXML(iq))
        self.assertTrue(self.successResultOf(crossing))
        self.assertEqual(self.barrier.method, LOOPBACK)
        self.assertEqual(self.received, [])

    def test_crossedAt(self) -> None:
        """The time of the last return on this stream is known, and how long it took."""
        self.assertIsNone(self.barrier.lastSuccessAt)
        crossing = self.wait()
        self.clock.advance(0.5)
        self.answer("result")
        self.assertTrue(self.successResultOf(crossing))
        self.assertEqual(self.barrier.lastSuccessAt, self.clock.seconds())
        trips = self.barrier.roundTrips
        self.assertEqual((trips.count, trips.sum), (1, 0.5))
        self.server.lose()
        self.clock.advance(1)
        self.server = self.connect()
        self.assertIsNone(self.barrier.lastSuccessAt)

    def test_ping(self) -> None:
        """Where that is answered by an error, the server itself is pinged."""
        with capturedLogs() as logs:
            crossing = self.fallBack()
            iq = self.answer("result", sender=PARENT)
        self.assertEqual(iq["to"], PARENT)
        self.assertTrue(self.successResultOf(crossing))
        self.assertEqual(self.barrier.method, PING)
        (line,) = said(logs)
        self.assertIn("(service-unavailable)", line)
        # And from then on at once; nothing more is said.
        with capturedLogs() as logs:
            crossing = self.wait()
            self.answer("result", sender=PARENT)
        self.assertTrue(self.successResultOf(crossing))
        self.assertEqual(said(logs), [])

    def test_pingRefused(self) -> None:
        """A server that does not like pings has taken what was before it, too."""
        crossing = self.fallBack()
        self.answer("error", "service-unavailable", PARENT)
        self.assertTrue(self.successResultOf(crossing))
        self.assertEqual(self.barrier.method, PING)

    def test_none(self) -> None:
        """The domain above is not the server's own: there is no way."""
        with capturedLogs() as logs:
            crossing = self.fallBack()
            self.answer("error", "remote-server-not-found", PARENT)
        self.assertFalse(self.successResultOf(crossing))
        self.assertEqual(self.barrier.method, NONE)
        self.assertEqual(len(said(logs)), 2)
        self.assertFalse(self.successResultOf(self.wait()))
        self.assertEqual(self.server.stanzas(), [])

    def test_timeout(self) -> None:
        """A barrier that is swallowed is waited for, once."""
        crossing = self.wait()
        self.server.stanza()
        for _ in range(6):
            self.clock.advance(TIMEOUT / 6)
            self.server.send(" ")
        self.assertNoResult(crossing)
        (iq,) = [each for each in self.server.stanzas() if each["to"] == PARENT]
        self.server.send(
            f"<iq type='result' id='{iq['id']}' from='{PARENT}' to='{DOMAIN}'/>"
        )
        self.assertTrue(self.successResultOf(crossing))

    def test_slow(self) -> None:
        """
        A kind of barrier that has come back once is not given up when it does not come:
        the
        server is slow.
        """
        crossing = self.wait()
        self.server.send(toXML(self.server.stanza()))
        self.assertTrue(self.successResultOf(crossing))
        crossing = self.wait()
        for _ in range(6):
            self.clock.advance(TIMEOUT / 6)
            self.server.send(" ")
        refusal = self.failureResultOf(crossing, Refusal).value
        self.assertEqual(refusal.problem.status, 504)
        self.assertEqual(self.barrier.method, LOOPBACK)

    def test_streamLost(self) -> None:
        """Nothing comes back any more."""
        crossing = self.wait()
        self.server.lose()
        self.failureResultOf(crossing, Refusal)
        self.assertEqual(self.barrier.method, LOOPBACK)

    def test_noStream(self) -> None:
        """A barrier needs a stream."""
        self.server.lose()
        self.failureResultOf(self.wait(), Refusal)

    def test_newStream(self) -> None:
        """Another stream may be to a server that knows better; it is said once."""
        with capturedLogs() as logs:
            self.fallBack().addErrback(lambda reason: reason.trap(Refusal))
            self.server.lose()
            self.clock.advance(60)
            self.server = self.connect()
            self.assertEqual(self.barrier.method, LOOPBACK)
            self.fallBack().addErrback(lambda reason: reason.trap(Refusal))
        warnings = [line for line in said(logs) if "does not return queries" in line]
        self.assertEqual(len(warnings), 1)


class WritingTests(ComponentTestCase):
    """
    Stanzas that are written later are checked now.
    """

    def test_check(self) -> None:
        """The check leaves room for a stamp."""
        self.sender.encode("<m>" + "x" * 497_949)
        problem = self.refusedBy(lambda: self.sender.encode("<m>" + "x" * 497_950))
        self.assertEqual(problem.status, 413)

    def test_write(self) -> None:
        """A stanza that is written as text counts as any other."""
        problem = self.refusedBy(lambda: self.sender.write("<message/>"))
        self.assertEqual(problem.status, 503)
        server = self.connect()
        self.sender.write("<message id='m1'/>")
        self.assertEqual(server.stanza()["id"], "m1")
