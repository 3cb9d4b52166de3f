"""Tests of L{xmpprest.xmpp.iq_tracker}: which reply belongs to which request."""

from __future__ import annotations

import gc
import re
from weakref import ref

from twisted.internet.defer import CancelledError, Deferred
from twisted.words.xish.domish import Element

from xmpprest.core.errors import Refusal

from ..support.doubles import DOMAIN
from .case import PEER, PairingTestCase


class ReplyTests(PairingTestCase):
    """Replies that are accepted."""

    def test_result(self) -> None:
        """The right id from the right sender is the reply."""
        replying, wireID = self.ask()
        self.assertEqual(len(self.pairing), 1)
        self.assertNoResult(replying)
        self.reply(wireID, payload="<query xmlns='urn:example'/>")
        reply = self.replyTo(replying)
        self.assertEqual((reply["type"], reply["from"]), ("result", PEER))
        self.assertEqual([child.uri for child in reply.elements()], ["urn:example"])
        self.assertEqual(self.received, [])
        self.assertIdle()

    def test_ids(self) -> None:
        """The caller's id is put back; the one on the wire is long and random."""
        wireIDs = set()
        for _ in range(3):
            replying, wireID = self.ask(id="a&quot;b&amp;c")
            wireIDs.add(wireID)
            self.reply(wireID)
            self.assertEqual(self.replyTo(replying)["id"], 'a"b&c')
        self.assertEqual(len(wireIDs), 3)
        for wireID in wireIDs:
            self.assertTrue(re.fullmatch(r"[\w-]{20,}", wireID), wireID)

    def test_error(self) -> None:
        """An error is a reply like any other, whatever its legacy code."""
        replying, wireID = self.ask()
        self.reply(
            wireID,
            type="error",
            payload="<error code='999' type='frobnicate'><what xmlns='urn:x'/></error>",
        )
        reply = self.replyTo(replying)
        (report,) = reply.elements()
        self.assertEqual((reply["type"], report["code"]), ("error", "999"))
        self.assertIdle()

    def test_normalised(self) -> None:
        """Senders are compared in their normal form (RFC 7622 §3)."""
        for asked, sender in (
            ("Juliet@Example.ORG/Balcony", "juliet@example.org/Balcony"),
            ("juliet@example.org", "JULIET@EXAMPLE.ORG"),
            ("example.org.", "example.org"),
            ("room@rooms.example.org/🦄", "room@rooms.example.org/🦄"),
            ("JÜRGEN@example.org", "jürgen@example.org"),
        ):
            replying, wireID = self.ask(to=asked)
            self.reply(wireID, sender)
            self.replyTo(replying)
        self.assertEqual(self.pairing.mismatched, 0)

    def test_ownDomain(self) -> None:
        """The server may leave its name out where it answers for us."""
        for to in (DOMAIN, f"bot@{DOMAIN}", DOMAIN.upper()):
            for sender in (None, DOMAIN, f"bot@{DOMAIN}"):
                replying, wireID = self.ask(to=to, sender=f"bot@{DOMAIN}/res")
                self.reply(wireID, sender)
                self.replyTo(replying)
        self.assertEqual(self.pairing.mismatched, 0)

    def test_loopback(self) -> None:
        """A request to ourselves goes through the server, and is passed on."""
        replying, wireID = self.ask(to=DOMAIN)
        self.reply(wireID, DOMAIN, "get", "<ping xmlns='urn:xmpp:ping'/>")
        self.assertNoResult(replying)
        (request,) = self.received
        self.assertEqual(request["type"], "get")
        self.reply(wireID, DOMAIN)
        self.replyTo(replying)


class MismatchTests(PairingTestCase):
    """Replies that are none."""

    def test_wrongSender(self) -> None:
        """A right id from anyone else is dropped and counted; the reply is awaited."""
        replying, wireID = self.ask()
        senders = (
            "evil.example",
            "juliet@example.org",
            "juliet@example.org/Balcony",
            "example.org",
            DOMAIN,
            None,
            "",
            "@/",
        )
        for sender in senders:
            self.reply(wireID, sender)
            self.reply(wireID, sender, "error")
            self.assertNoResult(replying)
        self.assertEqual(self.pairing.mismatched, 2 * len(senders))
        self.assertEqual(self.received, [])
        self.reply(wireID)
        self.assertEqual(self.replyTo(replying)["from"], PEER)

    def test_ownDomainForeign(self) -> None:
        """A query to our own domain is answered by no other address."""
        replying, wireID = self.ask(to=DOMAIN)
        self.reply(wireID, "evil.example")
        self.reply(wireID, f"other@{DOMAIN}")
        self.assertNoResult(replying)
        self.assertEqual(self.pairing.mismatched, 2)

    def test_request(self) -> None:
        """A request under the id of ours is a request, whoever sends it."""
        replying, wireID = self.ask()
        self.reply(wireID, PEER, "get", "<ping xmlns='urn:xmpp:ping'/>")
        self.reply(wireID, "evil.example", "set", "<ping xmlns='urn:xmpp:ping'/>")
        self.assertNoResult(replying)
        self.assertEqual([s["type"] for s in self.received], ["get", "set"])
        self.assertEqual(self.pairing.mismatched, 0)

    def test_callersID(self) -> None:
        """The id that the caller gave is nobody's on the wire."""
        replying, _ = self.ask(id="guessable")
        self.reply("guessable")
        self.assertNoResult(replying)
        self.assertEqual([s["id"] for s in self.received], ["guessable"])

    def test_stranger(self) -> None:
        """A reply that nobody asked for, with a foreign id or none, is passed on."""
        self.reply("theirs")
        self.server.send(f"<iq type='result' from='{PEER}' to='{DOMAIN}'/>")
        self.assertEqual(len(self.received), 2)
        self.assertEqual(self.pairing.late, 0)

    def test_otherKinds(self) -> None:
        """A message is no reply, even under the id of a request."""
        replying, wireID = self.ask()
        self.server.send(f"<message type='error' id='{wireID}' from='{PEER}'/>")
        self.assertNoResult(replying)
        self.assertEqual(len(self.received), 1)


class DoubledTests(PairingTestCase):
    """Callers that use one id twice."""

    def test_same(self) -> None:
        """A query with the id, to and from of one that still waits is refused: 409."""
        replying, wireID = self.ask()
        problem = self.refusedBy(self.ask)
        self.assertEqual((problem.status, problem.condition), (409, "conflict"))
        self.assertEqual(self.server.stanzas(), [])
        self.reply(wireID)
        self.replyTo(replying)
        self.ask()

    def test_otherRecipient(self) -> None:
        """Queries with one id to two peers are two queries; both get their replies."""
        first, firstID = self.ask(to="a@example.org")
        second, secondID = self.ask(to="b@example.org")
        self.reply(secondID, "b@example.org")
        self.reply(firstID, "a@example.org")
        self.assertEqual(self.replyTo(first)["from"], "a@example.org")
        self.assertEqual(self.replyTo(second)["from"], "b@example.org")

    def test_otherSender(self) -> None:
        """Queries with one id from two addresses are two queries."""
        self.ask(sender=f"a@{DOMAIN}")
        self.ask(sender=f"b@{DOMAIN}")
        self.assertEqual(len(self.pairing), 2)


class WaitedTests(PairingTestCase):
    """
    How long requests have waited
    """

    def waited(self) -> tuple[int, float]:
        """How many, and how long together."""
        return self.pairing.waitTimes.count, self.pairing.waitTimes.sum

    def test_ended(self) -> None:
        """A wait is measured, whatever it ends by."""
        replying, wireID = self.ask()
        self.clock.advance(2)
        self.reply(wireID)
        self.replyTo(replying)
        self.assertEqual(self.waited(), (1, 2))
        replying, _ = self.ask(timeout=3)
        self.clock.advance(3)
        self.failureResultOf(replying, Refusal)
        self.assertEqual(self.waited(), (2, 5))

    def test_others(self) -> None:
        """
        A query that was not sent has no wait, and the gateway's own queries do not
        count.
        """
        loopback = self.pairing.pingSelf(1)
        self.clock.advance(1)
        self.failureResultOf(loopback, Refusal)
        self.server.lose()
        with self.assertRaises(Refusal):
            self.ask()
        self.assertEqual(self.waited(), (0, 0))


class EndTests(PairingTestCase):
    """How else a wait may end."""

    def test_timeout(self) -> None:
        """No reply in time is a 504 that names the peer and the time."""
        replying, _ = self.ask(timeout=7.5)
        self.clock.advance(7.4)
        self.assertNoResult(replying)
        self.clock.advance(0.1)
        problem = self.problemOf(replying)
        self.assertEqual(problem.status, 504)
        self.assertEqual(
            problem.text, "No reply from juliet@example.org/balcony within 7.5 s."
        )
        self.assertEqual(len(self.pairing), 0)

    def test_late(self) -> None:
        """A reply that comes too late is counted, and nobody else's business."""
        replying, wireID = self.ask(timeout=1)
        self.clock.advance(1)
        self.problemOf(replying)
        self.reply(wireID)
        self.assertEqual(self.pairing.late, 1)
        self.assertEqual(self.received, [])

    def test_twice(self) -> None:
        """A second reply is late."""
        replying, wireID = self.ask()
        self.reply(wireID)
        self.reply(wireID)
        self.replyTo(replying)
        self.assertEqual(self.pairing.late, 1)
        self.assertEqual(self.received, [])

    def test_cancelled(self) -> None:
        """To cancel frees everything; the id may be used again."""
        replying, wireID = self.ask()
        replying.cancel()
        self.failureResultOf(replying, CancelledError)
        self.assertIdle()
        self.reply(wireID)
        self.assertEqual(self.pairing.late, 1)
        self.ask()

    def test_streamLost(self) -> None:
        """When the stream is lost, every request fails with 503 at once."""
        waiting = [self.ask(id=str(number))[0] for number in range(100)]
        self.server.lose()
        for replying in waiting:
            problem = self.problemOf(replying)
            self.assertEqual(problem.status, 503)
            self.assertEqual(dict(problem.headers), {"Retry-After": "5"})
        self.assertEqual(len(self.pairing), 0)
        self.assertEqual(self.timers(), [0.5])

    def test_askAgainAtOnce(self) -> None:
        """
        A query that is repeated at once after the loss of the stream is refused, too.
        """
        replying, _ = self.ask()
        statuses = []

        def again(_: object) -> None:
            statuses.append(self.refusedBy(self.ask).status)

        replying.addErrback(again)
        self.server.lose()
        self.assertEqual(statuses, [503])
        self.assertEqual(len(self.pairing), 0)

    def test_replyToLostStream(self) -> None:
        """A reply on the next stream is late."""
        replying, wireID = self.ask()
        self.server.lose()
        self.problemOf(replying)
        self.clock.advance(1)
        self.server = self.connect()
        self.reply(wireID)
        self.assertEqual(self.pairing.late, 1)
        self.assertEqual(self.received, [])

    def test_noStream(self) -> None:
        """Without a stream a request is refused at once, and not kept."""
        self.server.lose()
        self.assertEqual(self.refusedBy(self.ask).status, 503)
        self.assertEqual(len(self.pairing), 0)
        self.assertEqual(self.timers(), [0.5])

    def test_noCycles(self) -> None:
        """A request that is over is freed at once, without the garbage collector."""
        self.addCleanup(gc.enable)
        gc.disable()
        replied, wireID = self.ask(id="1")
        timedOut, _ = self.ask(id="2", timeout=1)
        cancelled, _ = self.ask(id="3")
        lost, _ = self.ask(id="4")
        over = [ref(each) for each in (replied, timedOut, cancelled, lost)]
        self.reply(wireID)
        self.replyTo(replied)
        self.clock.advance(1)
        self.problemOf(timedOut)
        cancelled.cancel()
        self.failureResultOf(cancelled)
        self.server.lose()
        self.problemOf(lost)
        del replied, timedOut, cancelled, lost
        self.assertEqual([each() for each in over], [None] * 4)


class LoopbackTests(PairingTestCase):
    """The barrier: a ping to ourselves."""

    def ping(self) -> tuple[Deferred[Element], str]:
        """Send one, and return what will come of it, and its id."""
        replying = self.pairing.pingSelf(20)
        return replying, self.server.stanza()["id"]

    def test_returns(self) -> None:
        """The return of a loopback is its reply, and reaches no callback."""
        for sender in (DOMAIN, None):
            replying, wireID = self.ping()
            self.reply(wireID, sender, "get", "<ping xmlns='urn:xmpp:ping'/>")
            self.assertEqual(self.successResultOf(replying)["type"], "get")
        self.assertEqual(self.received, [])
        self.assertIdle()

    def test_error(self) -> None:
        """An error of the server's is an answer."""
        replying, wireID = self.ping()
        self.reply(wireID, DOMAIN, "error")
        self.assertEqual(self.successResultOf(replying)["type"], "error")

    def test_forged(self) -> None:
        """An iq from another address is no return of a loopback, but a request."""
        replying, wireID = self.ping()
        self.reply(wireID, "evil.example", "get", "<ping xmlns='urn:xmpp:ping'/>")
        self.reply(wireID, "evil.example", "result")
        self.assertNoResult(replying)
        self.assertEqual([s["type"] for s in self.received], ["get"])

    def test_late(self) -> None:
        """When it returns too late, it still reaches nobody."""
        replying, wireID = self.ping()
        self.clock.advance(20)
        self.assertEqual(self.problemOf(replying).status, 504)
        self.reply(wireID, DOMAIN, "get", "<ping xmlns='urn:xmpp:ping'/>")
        self.assertEqual(self.received, [])
        self.assertEqual(self.pairing.late, 1)

    def test_lateForged(self) -> None:
        """A stranger's request under such an id is a request all the same."""
        replying, wireID = self.ping()
        self.clock.advance(20)
        self.problemOf(replying)
        self.reply(wireID, "evil.example", "get", "<ping xmlns='urn:xmpp:ping'/>")
        self.assertEqual([s["from"] for s in self.received], ["evil.example"])

    def test_many(self) -> None:
        """Several may be on their way at once."""
        pings = [self.ping() for _ in range(10)]
        for replying, wireID in pings:
            self.reply(wireID, DOMAIN, "get", "<ping xmlns='urn:xmpp:ping'/>")
            self.successResultOf(replying)
