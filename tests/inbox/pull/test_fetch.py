"""Tests of L{xmpprest.inbox.pull}: how a client fetches and acknowledges updates."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from tests.inbox.pull.case import PullTestCase
from tests.support.delivery import ANN, BOT
from tests.support.doubles import stanza
from xmpprest.core.policy.retry import RETRY_WINDOW
from xmpprest.core.records import DEAD, DELIVERED, PENDING, StoreUnavailable
from xmpprest.core.stanza.build import elements
from xmpprest.core.updates.page import MAX_SIZE
from xmpprest.core.updates.status import UpdatesStatus
from xmpprest.inbox.pull.settlement import SLICE
from xmpprest.inbox.pull.stored import HELD_SIZE

REQUEST = "<request xmlns='urn:xmpp:receipts'/>"


class FetchTests(PullTestCase):
    """
    Tests of L{PullInbox.fetch}.
    """

    def test_empty(self) -> None:
        """
        Without updates the response is empty, and its cursor is valid.
        """
        fetch = self.fetch()
        self.assertEqual(fetch.ids, [])
        self.assertEqual(self.fetch(fetch.cursor).ids, [])

    def test_order(self) -> None:
        """
        Stored stanzas are returned in the order of their arrival, whoever sent them.
        """
        for number in range(6):
            self.world.message(f"m{number}", f"user{number % 3}@example.com")
        fetch = self.fetch()
        self.assertEqual(fetch.ids, [f"m{number}" for number in range(6)])
        update = fetch.page["updates"][0]
        self.assertEqual(update["stanza"]["body"], "m0")
        self.assertEqual(update["attempts"], 1)
        self.assertNotIn("expires", update)
        self.assertEqual(fetch.cursor, fetch.page["updates"][-1]["cursor"])

    def test_again(self) -> None:
        """
        Updates that are not acknowledged are returned again, with the same id and
        cursor.
        """
        self.world.message("m1")
        first, second = self.fetch(), self.fetch()
        (before,), (after,) = first.page["updates"], second.page["updates"]
        self.assertEqual(after, {**before, "attempts": 2})
        self.assertEqual(self.world.incoming(PENDING), ["m1"])

    def test_acknowledge(self) -> None:
        """
        A cursor acknowledges all stored stanzas up to it.
        """
        for number in range(5):
            self.world.message(f"m{number}")
        fetch = self.fetch()
        cursor = fetch.page["updates"][2]["cursor"]
        self.assertEqual(self.fetch(cursor).ids, ["m3", "m4"])
        self.assertEqual(self.world.incoming(PENDING), ["m3", "m4"])
        record, attempts = self.world.record(fetch.page["updates"][0]["id"])
        self.assertEqual(record.state, DELIVERED)
        self.assertEqual([each.status for each in attempts], [202])
        self.assertEqual(self.fetch(fetch.cursor).ids, [])
        self.assertEqual(self.world.inbox.storedCount, 0)
        self.assertEqual(self.world.inbox.storedSize, 0)

    def test_acknowledgedTwice(self) -> None:
        """
        A cursor that was used before acknowledges nothing more.
        """
        self.world.message("m1")
        cursor = self.fetch().cursor
        self.fetch(cursor)
        self.world.message("m2")
        self.assertEqual(self.fetch(cursor).ids, ["m2"])

    def test_limit(self) -> None:
        """
        A response has no more updates than the client wants.
        """
        for number in range(5):
            self.world.message(f"m{number}")
        first = self.fetch(limit=2)
        self.assertEqual(first.ids, ["m0", "m1"])
        self.assertEqual(self.fetch(first.cursor, 2).ids, ["m2", "m3"])

    def test_size(self) -> None:
        """
        A response has at most 1 MiB; a larger update is returned alone.
        """
        sizes = {"a": 400_000, "b": 400_000, "c": 400_000, "d": MAX_SIZE + 9, "e": 1}
        for id, size in sizes.items():
            self.world.message(id, children=f"<x xmlns='u'>{'x' * size}</x>")
        cursor, pages = None, []
        for _ in sizes:
            fetch = self.fetch(cursor)
            cursor = fetch.cursor
            pages.append(fetch.ids)
        self.assertEqual(pages[:4], [["a", "b"], ["c"], ["d"], ["e"]])

    def test_waits(self) -> None:
        """
        A request waits for the first update.
        """
        fetch = self.begin(wait=50)
        self.world.clock.advance(40)
        self.assertFalse(fetch.isOver)
        self.world.message("m1")
        self.world.message("m2")
        self.world.clock.advance(0)
        self.assertEqual(fetch.ids, ["m1", "m2"])

    def test_waitEnds(self) -> None:
        """
        A request for which nothing arrives ends with an empty response in time, and
        leaves no timer.
        """
        fetch = self.begin(wait=50)
        self.world.clock.advance(49)
        self.assertFalse(fetch.isOver)
        self.world.clock.advance(1)
        self.assertEqual(fetch.ids, [])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_acknowledgesAtOnce(self) -> None:
        """
        A request acknowledges before it waits.
        """
        self.world.message("m1")
        cursor = self.fetch().cursor
        fetch = self.begin(cursor, wait=50)
        self.assertFalse(fetch.isOver)
        self.assertEqual(self.world.incoming(PENDING), [])

    def test_oneReader(self) -> None:
        """
        A second request ends the first with 409.
        """
        first = self.begin(wait=50)
        second = self.begin(wait=50)
        self.assertRefused(first, 409)
        self.world.message("m1")
        self.world.clock.advance(0)
        self.assertEqual(second.ids, ["m1"])

    def test_leaves(self) -> None:
        """
        A client that leaves loses nothing, and leaves no timer behind.
        """
        fetch = self.begin(wait=50)
        fetch.fetching.cancel()
        fetch.results[0].trap(CancelledError)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        self.assertFalse(self.world.pull.hasReader)
        self.world.message("m1")
        self.assertEqual(self.fetch().ids, ["m1"])

    def test_committing(self) -> None:
        """
        A stanza is returned once it is committed, and not before.
        """
        fetch = self.begin(wait=50)
        self.world.store.isHeld = True
        self.world.message("m1")
        self.world.clock.advance(1)
        self.assertFalse(fetch.isOver)
        self.world.store.release()
        self.world.clock.advance(0)
        self.assertEqual(fetch.ids, ["m1"])

    def test_commitFailed(self) -> None:
        """
        The sender of a message that cannot be stored is told to send it again.
        """
        self.world.store.failing = {"addIncoming"}
        self.world.message("m1")
        (error,) = self.world.stream.sent
        self.assertEqual((error["id"], error["type"]), ("m1", "error"))
        self.assertEqual(self.fetch().ids, [])
        self.assertEqual(self.world.inbox.storedCount, 0)

    def test_roomWithoutStore(self) -> None:
        """
        A message of a room that cannot be stored is returned from memory while the
        client is there, since the room cannot be told.
        """
        self.fetch()
        self.world.store.failing = {"addIncoming"}
        self.world.inbox.receive(
            stanza(
                f"<message type='groupchat' from='room@rooms.example/ann' to='{BOT}'"
                " id='g1'><body>hi</body></message>"
            )
        )
        self.assertEqual(self.world.stream.sent, [])
        fetch = self.fetch()
        self.assertEqual(fetch.ids, ["g1"])
        self.assertEqual(self.fetch(fetch.cursor).ids, [])
        self.assertEqual(self.world.inbox.transientCount, 0)

    def test_readFails(self) -> None:
        """
        While the store is unavailable the request fails, and nothing is lost.
        """
        self.world.message("m1")
        self.world.store.failing = {"pendingStanzas"}
        self.fetch().results[0].trap(StoreUnavailable)
        self.world.store.failing = set()
        self.assertEqual(self.fetch().ids, ["m1"])

    def test_acknowledgeFails(self) -> None:
        """
        Stanzas whose acknowledgement cannot be recorded are returned again.
        """
        self.world.message("m1")
        cursor = self.fetch().cursor
        self.world.store.failing = {"recordAttempt"}
        self.fetch(cursor).results[0].trap(StoreUnavailable)
        self.assertEqual(self.fetch().ids, ["m1"])
        self.world.store.failing = set()
        self.assertEqual(self.fetch(cursor).ids, [])

    def test_clientGone(self) -> None:
        """
        An acknowledgement is completed also if the client leaves meanwhile.
        """
        self.world.message("m1")
        cursor = self.fetch().cursor
        self.world.store.isHeld = True
        fetch = self.begin(cursor)
        fetch.fetching.cancel()
        self.world.store.release()
        self.assertEqual(self.world.incoming(PENDING), [])

    def test_unparsable(self) -> None:
        """
        A stanza whose stored XML cannot be parsed becomes a dead letter, and holds up
        no other.
        """
        self.world.message("m1")
        store = self.world.store.store
        store.addIncoming("msg_bad", self.world.pull.keys.keyFor(ANN, BOT), "<a", 1.0)
        self.world.restart()
        self.world.message("m2")
        self.assertEqual(self.fetch().ids, ["m1", "m2"])
        self.assertEqual(self.world.record("msg_bad")[0].state, DEAD)


class CursorTests(PullTestCase):
    """
    Tests of cursors.
    """

    def test_restart(self) -> None:
        """
        A cursor of an earlier run of the gateway is valid.
        """
        for number in range(3):
            self.world.message(f"m{number}")
        updates = self.fetch().page["updates"]
        self.world.restart()
        self.assertEqual(self.world.inbox.storedCount, 3)
        self.assertEqual(self.fetch(updates[1]["cursor"]).ids, ["m2"])
        self.assertEqual(self.world.inbox.storedCount, 1)

    def test_restartAfterAll(self) -> None:
        """
        The cursor of an empty inbox is valid after a restart.
        """
        self.world.message("m1")
        cursor = self.fetch(self.fetch().cursor).cursor
        self.world.restart()
        self.assertEqual(self.fetch(cursor).ids, [])

    def test_foreign(self) -> None:
        """
        A cursor that the gateway has not made for the callback is refused with 400, and
        acknowledges nothing.
        """
        self.world.message("m1")
        cursor = self.fetch().cursor
        for other in ("", "x", cursor[:-1], cursor.swapcase(), "A" * len(cursor)):
            self.assertRefused(self.fetch(other), 400)
        self.assertEqual(self.world.incoming(PENDING), ["m1"])

    def test_beyond(self) -> None:
        """
        A cursor beyond the last stanza, as after a restored backup, is refused.
        """
        codec = self.world.pull._stored.codec
        cursor = codec.decode(self.fetch().cursor)
        beyond = codec.encode(type(cursor)(10_000, 0, cursor.run))
        self.assertRefused(self.fetch(beyond), 400)

    def test_redelivered(self) -> None:
        """
        A dead letter that is delivered again comes after all others, so that no older
        cursor acknowledges it.
        """
        self.world.message("m1")
        self.world.clock.pump([3600.0] * (1 + int(RETRY_WINDOW / 3600)))
        self.assertEqual(self.world.incoming(DEAD), ["m1"])
        self.world.message("m2")
        cursor = self.fetch().cursor
        redelivering = self.world.inbox.redeliver(None, 0.0, 1e12)
        again = self.successResultOf(Deferred.fromCoroutine(redelivering))
        self.assertEqual(len(again), 1)
        self.assertEqual(self.fetch(cursor).ids, ["m1"])
        self.assertEqual(self.world.incoming(PENDING), ["m1"])
        self.world.restart()
        self.assertEqual(self.fetch(cursor).ids, ["m1"])
        self.fetch(self.fetch(cursor).cursor)
        self.assertEqual(self.world.incoming(PENDING), [])


class AgeTests(PullTestCase):
    """
    Tests of the age of updates.
    """

    def test_dead(self) -> None:
        """
        A stanza that no client acknowledges becomes a dead letter after seven days,
        however often it was returned.
        """
        self.world.message("m1")
        id = self.fetch().page["updates"][0]["id"]
        days = int(RETRY_WINDOW / 3600)
        self.world.clock.pump([3600.0] * (days - 1))
        self.assertEqual(self.fetch().ids, ["m1"])
        self.world.message("m2")
        self.world.clock.pump([3600.0] * 2)
        self.assertEqual(self.world.incoming(DEAD), ["m1"])
        self.assertEqual(self.fetch().ids, ["m2"])
        _, attempts = self.world.record(id)
        self.assertEqual(attempts[-1].error, "Not acknowledged in 7 days.")
        self.assertFalse(self.world.inbox.isPaused)

    def test_oldest(self) -> None:
        """
        The inbox knows since when its first stanza waits.
        """
        self.assertIsNone(self.world.pull.oldestAt)
        self.world.message("m1")
        at = self.world.clock.seconds()
        self.world.clock.advance(100)
        self.world.message("m2")
        self.assertEqual(self.world.pull.oldestAt, at)
        updates = self.fetch().page["updates"]
        self.fetch(updates[0]["cursor"])
        self.assertEqual(self.world.pull.oldestAt, at + 100)

    def test_status(self) -> None:
        """
        The status tells whether a request waits, and when the last one was there, by
        the system clock.
        """
        (status,) = self.desk.statuses
        self.assertEqual(status, UpdatesStatus("default", 0, None, False, None))
        self.world.message("m1")
        at = self.world.clock.seconds()
        self.fetch()
        self.world.clock.advance(100)
        self.world.clockStep = 3600
        (status,) = self.desk.statuses
        seen = at + self.world.clockStep
        self.assertEqual(status, UpdatesStatus("default", 1, at, False, seen))
        (update,) = self.fetch().page["updates"]
        waiting = self.begin(update["cursor"], wait=50)
        (status,) = self.desk.statuses
        self.assertEqual((status.waiting, status.hasReader), (0, True))
        self.assertEqual(status.seenAt, self.world.now())
        waiting.fetching.cancel()


class ReceiptTests(PullTestCase):
    """
    Tests of receipts.
    """

    def test_acknowledged(self) -> None:
        """
        The receipt that a message asks for is sent when it is acknowledged, once.
        """
        self.world.message("m1", children=REQUEST)
        self.world.message("m2")
        fetch = self.fetch()
        self.assertEqual(self.world.replied.sent, [])
        self.fetch(fetch.cursor)
        (receipt,) = self.world.replied.sent
        self.assertEqual(receipt["to"], ANN)
        (received,) = elements(receipt)
        self.assertEqual((received.name, received["id"]), ("received", "m1"))
        self.fetch(fetch.cursor)
        self.assertEqual(len(self.world.replied.sent), 1)

    def test_sameID(self) -> None:
        """
        A receipt that is sent again, because the gateway was killed before it recorded
        the first, has the same id.
        """
        self.world.message("m1", children=REQUEST)
        cursor = self.fetch().cursor
        self.world.store.failing = {"recordAttempt"}
        self.fetch(cursor).results[0].trap(StoreUnavailable)
        self.world.store.failing = set()
        self.world.restart()
        self.fetch(cursor)
        first, second = self.world.replied.sent
        self.assertEqual(first["id"], second["id"])


class ManyTests(PullTestCase):
    """
    Tests of a large backlog.
    """

    def test_backlog(self) -> None:
        """
        Every stanza is returned once, in order, through a backlog that does not fit
        into memory and a restart in its midst.
        """
        self.fetch()
        count = 3 * SLICE
        padding = f"<x xmlns='u'>{'x' * (HELD_SIZE // SLICE)}</x>"
        for number in range(count):
            self.world.message(f"m{number}", f"user{number % 7}@example.com", padding)
        cursor, seen = None, list[str]()
        while True:
            fetch = self.fetch(cursor, limit=70)
            if not fetch.ids:
                break
            cursor = fetch.cursor
            seen += fetch.ids
            if len(seen) == 140:
                self.world.restart()
        self.assertEqual(seen, [f"m{number}" for number in range(count)])
        self.assertEqual(self.world.incoming(PENDING), [])
        self.assertEqual(self.world.inbox.storedSize, 0)

    def test_manyAcknowledged(self) -> None:
        """
        One cursor acknowledges more stanzas than one response holds.
        """
        for number in range(3 * SLICE):
            self.world.message(f"m{number}")
        cursor = self.fetch(limit=1000).cursor
        self.world.restart()
        self.assertEqual(self.fetch(cursor).ids, [])
        self.assertEqual(self.world.incoming(PENDING), [])

    def test_inboxLimit(self) -> None:
        """
        A stanza beyond the limit is refused.
        """
        self.world = type(self.world)(limit=3)
        for number in range(4):
            self.world.message(f"m{number}", f"u{number}@d{number}.example")
        self.assertEqual(len(self.world.incoming(PENDING)), 3)
        (error,) = self.world.stream.sent
        self.assertEqual(error["id"], "m3")
        self.assertEqual(self.world.pull.refusedCount, 1)
        self.assertEqual(self.fetch().ids, ["m0", "m1", "m2"])
