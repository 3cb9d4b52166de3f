"""Tests of L{xmpprest.xmpp.iq_tracker}: what the query of an archive brings."""

from __future__ import annotations

import gc
from weakref import ref

from twisted.internet.defer import CancelledError, Deferred
from twisted.words.xish.domish import Element

from xmpprest.core.stanza.build import firstChild
from xmpprest.core.stanza.mam import MAX_RESULTS
from xmpprest.core.stanza.serializer import toXML

from ..support.doubles import DOMAIN, stanza
from .case import PEER, PairingTestCase

MAM = "urn:xmpp:mam:2"
#: A room, which has an archive.
ROOM = "room@rooms.example.org"


class CollectingTestCase(PairingTestCase):
    """A component that queries archives."""

    def query(
        self,
        queryID: str | None = "f27",
        to: str = ROOM,
        id: str = "mine",
        sender: str = DOMAIN,
        timeout: float = 30,
    ) -> tuple[Deferred[list[Element]], str]:
        """
        Query an archive.

        @return: What it will bring, and the id on the wire.
        """
        own = "" if queryID is None else f" queryid='{queryID}'"
        return self.ask(to, id, sender, timeout, f"<query xmlns='{MAM}'{own}/>")

    def result(
        self,
        queryID: str | None,
        text: str = "",
        sender: str | None = ROOM,
        attributes: str = "",
    ) -> None:
        """Have a result arrive."""
        origin = "" if sender is None else f"from='{sender}'"
        its = "" if queryID is None else f"queryid='{queryID}'"
        self.server.send(
            f"<message {origin} to='{DOMAIN}' {attributes}>"
            f"<result xmlns='{MAM}' {its} id='28482'>"
            "<forwarded xmlns='urn:xmpp:forward:0'>"
            f"<message xmlns='jabber:client'><body>{text}</body></message>"
            "</forwarded></result></message>"
        )

    def end(self, wireID: str, sender: str | None = ROOM) -> None:
        """Have the iq arrive that ends a query."""
        self.reply(wireID, sender, payload=f"<fin xmlns='{MAM}' complete='true'/>")

    def brought(self, replying: Deferred[list[Element]]) -> list[str]:
        """The texts of the results of a query that has ended, as it must."""
        *self.messages, self.final = self.successResultOf(replying)
        self.assertEqual((self.final.name, self.final["id"]), ("iq", "mine"))
        return [text(message) for message in self.messages]


def result(message: Element) -> Element:
    """The result that a message holds."""
    found = firstChild(message, MAM, "result")
    assert found is not None, toXML(message)
    return found


def text(message: Element) -> str:
    """The text of the archived message in a result."""
    return str(result(message).forwarded.message.body)


class QueryTests(CollectingTestCase):
    """Queries that succeed."""

    def test_results(self) -> None:
        """All results come in their order, then the reply; nobody else sees them."""
        replying, wireID = self.query()
        for number in range(3):
            self.result(wireID, str(number))
            self.assertNoResult(replying)
        self.end(wireID)
        self.assertEqual(self.brought(replying), ["0", "1", "2"])
        self.assertEqual((self.final["type"], self.final["from"]), ("result", ROOM))
        self.assertEqual(next(self.final.elements()).name, "fin")
        self.assertEqual(self.received, [])
        self.assertEqual((self.pairing.late, self.pairing.mismatched), (0, 0))
        self.assertIdle()

    def test_none(self) -> None:
        """A query that finds nothing brings the reply alone."""
        replying, wireID = self.query()
        self.end(wireID)
        self.assertEqual(self.brought(replying), [])

    def test_error(self) -> None:
        """An error ends a query, too, and comes after what came before it."""
        replying, wireID = self.query()
        self.result(wireID, "one")
        self.reply(
            wireID,
            ROOM,
            "error",
            f"<query xmlns='{MAM}' queryid='{wireID}'/><error type='cancel'/>",
        )
        message, reply = self.successResultOf(replying)
        self.assertEqual(text(message), "one")
        self.assertEqual(reply["type"], "error")
        # What servers repeat of the query.
        self.assertEqual(next(reply.elements())["queryid"], "f27")

    def test_queryID(self) -> None:
        """The queryid on the wire is ours; the caller gets their own, or none."""
        for attribute, own in {
            "queryid='f27'": "f27",
            "queryid='a&quot;b&lt;c'": 'a"b<c',
            "queryid=''": "",
            "": None,
        }.items():
            iq = stanza(
                f"<iq type='set' to='{ROOM}' from='{DOMAIN}' id='mine'>"
                f"<query xmlns='{MAM}' xmlns:p='urn:p' {attribute} p:a='p:b'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
            )
            written = toXML(iq)
            replying = self.sender.request(iq, 30)
            asked = self.server.stanza()
            query = next(asked.elements())
            self.assertEqual((query.uri, query["queryid"]), (MAM, asked["id"]))
            self.assertEqual(query[("urn:p", "a")], "p:b")
            self.assertEqual(next(query.elements())["type"], "submit")
            self.assertEqual(toXML(iq), written)
            self.result(asked["id"])
            self.end(asked["id"])
            message, reply = self.successResultOf(replying)
            self.assertEqual(result(message).getAttribute("queryid"), own)
            self.assertEqual(result(message)["id"], "28482")
            self.assertNotIn(asked["id"], toXML(message) + toXML(reply))

    def test_unpredictable(self) -> None:
        """Each query has its own queryid on the wire."""
        wireIDs = {self.query(id=str(number))[1] for number in range(3)}
        self.assertEqual(len(wireIDs), 3)

    def test_types(self) -> None:
        """The type of the message makes no difference, but no error is a result."""
        replying, wireID = self.query()
        for type in ("normal", "chat", "groupchat", "headline", "result"):
            self.result(wireID, type, attributes=f"type='{type}'")
        self.result(wireID, "error", attributes="type='error'")
        self.assertEqual([s["type"] for s in self.received], ["error"])
        self.end(wireID)
        self.assertEqual(
            self.brought(replying),
            ["normal", "chat", "groupchat", "headline", "result"],
        )

    def test_concurrent(self) -> None:
        """Queries of one archive with one queryid do not mix."""
        first, firstID = self.query()
        second, secondID = self.query(sender=f"bot@{DOMAIN}")
        self.result(firstID, "1a")
        self.result(secondID, "2a")
        self.result(firstID, "1b")
        self.end(secondID)
        self.result(firstID, "1c")
        self.end(firstID)
        self.assertEqual(self.brought(second), ["2a"])
        self.assertEqual(self.brought(first), ["1a", "1b", "1c"])
        for message in self.messages:
            self.assertEqual(result(message)["queryid"], "f27")

    def test_normalised(self) -> None:
        """The archive is known by the normal form of its address."""
        replying, wireID = self.query(to="Room@Rooms.Example.ORG")
        self.result(wireID, "yes", "room@ROOMS.example.org")
        self.end(wireID)
        self.assertEqual(self.brought(replying), ["yes"])

    def test_ownDomain(self) -> None:
        """The server may leave its name out where it answers for us."""
        for to in (DOMAIN, f"bot@{DOMAIN}"):
            replying, wireID = self.query(to=to, sender=f"bot@{DOMAIN}/res")
            for sender in (None, DOMAIN, f"bot@{DOMAIN}"):
                self.result(wireID, str(sender), sender)
            self.end(wireID, None)
            self.assertEqual(self.brought(replying), ["None", DOMAIN, f"bot@{DOMAIN}"])
        self.assertEqual(self.pairing.mismatched, 0)

    def test_formFields(self) -> None:
        """A get asks which fields there are; the reply comes as it is."""
        replying, wireID = self.query(None)
        self.reply(wireID, ROOM, payload=f"<query xmlns='{MAM}'><x/></query>")
        (reply,) = self.successResultOf(replying)
        self.assertEqual(next(reply.elements()).attributes, {})


class ForeignTests(CollectingTestCase):
    """Messages that are no results of ours."""

    def test_wrongSender(self) -> None:
        """Results of anyone but the queried archive are dropped and counted."""
        replying, wireID = self.query()
        senders = (
            "evil.example",
            f"{ROOM}/nick",
            "rooms.example.org",
            DOMAIN,
            None,
            "",
            "@/",
        )
        for sender in senders:
            self.result(wireID, "forged", sender)
        self.assertEqual(self.pairing.mismatched, len(senders))
        self.assertEqual(self.received, [])
        self.result(wireID, "true")
        self.end(wireID)
        self.assertEqual(self.brought(replying), ["true"])

    def test_ownDomainForeign(self) -> None:
        """Messages of the archive of our own domain count from no other address."""
        replying, wireID = self.query(to=DOMAIN)
        self.result(wireID, "forged", f"other@{DOMAIN}")
        self.result(wireID, "forged", "evil.example")
        self.end(wireID, DOMAIN)
        self.assertEqual(self.brought(replying), [])
        self.assertEqual(self.pairing.mismatched, 2)

    def test_noQuery(self) -> None:
        """A request that is no query has no results, whoever sends them."""
        replying, wireID = self.ask()
        self.result(wireID, "unasked", PEER)
        self.reply(wireID)
        self.replyTo(replying)
        self.assertEqual(self.pairing.mismatched, 1)
        self.assertEqual(self.received, [])

    def test_otherQuery(self) -> None:
        """One archive cannot add to what another brings."""
        first, firstID = self.query()
        second, _ = self.query(to="other@rooms.example.org")
        self.result(firstID, "forged", "other@rooms.example.org")
        self.end(firstID)
        self.assertEqual(self.brought(first), [])
        self.assertNoResult(second)
        self.assertEqual(self.pairing.mismatched, 1)

    def test_passedOn(self) -> None:
        """A message that is no result of a query of ours is handled like any other."""
        replying, wireID = self.query()
        self.result("f27", "the caller's queryid")
        self.result("foreign", "somebody's queryid")
        self.result(None, "no queryid")
        self.server.send(
            f"<message from='{ROOM}' id='{wireID}'/>"
            f"<message from='{ROOM}'><result queryid='{wireID}'/></message>"
            f"<presence from='{ROOM}'><result xmlns='{MAM}' queryid='{wireID}'/>"
            "</presence>"
        )
        self.assertEqual(len(self.received), 6)
        # As it came.
        self.assertEqual(result(self.received[0])["queryid"], "f27")
        self.assertEqual((self.pairing.late, self.pairing.mismatched), (0, 0))
        self.end(wireID)
        self.assertEqual(self.brought(replying), [])


class EndTests(CollectingTestCase):
    """How a query may end otherwise, and what comes after."""

    def assertLate(self, wireID: str) -> None:
        """Check that late messages are counted and handed to nobody."""
        late = self.pairing.late
        self.result(wireID)
        self.result(wireID, sender="evil.example")
        self.end(wireID)
        self.assertEqual(self.pairing.late, late + 3)
        self.assertEqual(self.pairing.mismatched, 0)
        self.assertEqual(self.received, [])

    def test_afterTheEnd(self) -> None:
        """A result after the reply is late."""
        replying, wireID = self.query()
        self.end(wireID)
        self.assertLate(wireID)
        self.assertEqual(self.brought(replying), [])

    def test_timeout(self) -> None:
        """Results do not prolong the wait; of a query that takes too long, none is."""
        replying, wireID = self.query(timeout=2)
        self.clock.advance(1.5)
        self.result(wireID)
        self.assertNoResult(replying)
        self.clock.advance(0.5)
        self.assertEqual(self.problemOf(replying).status, 504)
        self.assertEqual(len(self.pairing), 0)
        self.assertLate(wireID)

    def test_cancelled(self) -> None:
        """To cancel frees everything; the id may be used again."""
        replying, wireID = self.query()
        self.result(wireID)
        replying.cancel()
        self.failureResultOf(replying, CancelledError)
        self.assertIdle()
        self.assertLate(wireID)
        again, wireID = self.query()
        self.end(wireID)
        self.assertEqual(self.brought(again), [])

    def test_streamLost(self) -> None:
        """When the stream is lost, the query fails, and nothing of it is left."""
        replying, wireID = self.query()
        self.result(wireID)
        self.server.lose()
        self.assertEqual(self.problemOf(replying).status, 503)
        self.assertEqual(len(self.pairing), 0)
        self.clock.advance(1)
        self.server = self.connect()
        self.assertLate(wireID)

    def test_tooMany(self) -> None:
        """One result too many ends the query at once: 422; the rest is late."""
        replying, wireID = self.query()
        for _ in range(MAX_RESULTS):
            self.result(wireID)
        self.assertNoResult(replying)
        self.result(wireID)
        problem = self.problemOf(replying)
        self.assertEqual(
            (problem.status, problem.condition), (422, "resource-constraint")
        )
        self.assertIn("1000 results", problem.text)
        self.assertIdle()
        self.assertLate(wireID)

    def test_asManyAsMayBe(self) -> None:
        """As many as may be are brought."""
        replying, wireID = self.query()
        for number in range(MAX_RESULTS):
            self.result(wireID, str(number))
        self.end(wireID)
        self.assertEqual(
            self.brought(replying), [str(number) for number in range(MAX_RESULTS)]
        )

    def test_tooLarge(self) -> None:
        """So do results that are too large; forged ones do not count."""
        replying, wireID = self.query()
        large = "x" * 2**19
        for _ in range(10):
            self.result(wireID, large, "evil.example")
        for _ in range(7):
            self.result(wireID, large)
        self.assertNoResult(replying)
        self.result(wireID, large)
        problem = self.problemOf(replying)
        self.assertEqual(
            (problem.status, problem.condition), (422, "resource-constraint")
        )
        self.assertIn("4 MiB", problem.text)
        self.assertIdle()

    def test_eachItsOwn(self) -> None:
        """The limit of one query is not another's."""
        greedy, greedyID = self.query(id="greedy")
        modest, modestID = self.query()
        self.result(modestID, "one")
        for _ in range(MAX_RESULTS + 1):
            self.result(greedyID)
        self.problemOf(greedy)
        self.end(modestID)
        self.assertEqual(self.brought(modest), ["one"])

    def test_noCycles(self) -> None:
        """A query that is over is freed at once, without the garbage collector."""
        self.addCleanup(gc.enable)
        gc.disable()
        replied, wireID = self.query()
        tooMany, tooManyID = self.query(id="2")
        lost, lostID = self.query(id="3")
        over = [ref(each) for each in (replied, tooMany, lost)]
        self.result(wireID)
        self.result(lostID)
        self.end(wireID)
        self.successResultOf(replied)
        for _ in range(MAX_RESULTS + 1):
            self.result(tooManyID)
        self.problemOf(tooMany)
        self.server.lose()
        self.problemOf(lost)
        del replied, tooMany, lost
        self.assertEqual([each() for each in over], [None] * 3)

    def test_refused(self) -> None:
        """A query that cannot be sent is not kept."""
        self.server.lose()
        self.assertEqual(self.refusedBy(self.query).status, 503)
        self.assertEqual(len(self.pairing), 0)
