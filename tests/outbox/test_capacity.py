"""Tests of L{xmpprest.outbox.capacity}: many messages, and room for them."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from tests.support.doubles import stanza
from xmpprest.core.records import Accepted, IdempotencyRecord, NewMessage
from xmpprest.outbox.capacity import HIGH_WATER
from xmpprest.store.memory import MemoryStore

from .test_outbox import OutboxTestCase, message


class SlowStore(MemoryStore):
    """
    A store that keeps many when the test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keeping: Deferred[Sequence[int | IdempotencyRecord]] = Deferred()

    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Deferred[Sequence[int | IdempotencyRecord]]:
        """Wait."""
        return self.keeping


class ManyTests(OutboxTestCase):
    """
    Many are accepted at once.
    """

    def test_together(self) -> None:
        """Messages are kept, and written in their order."""
        self.connect()
        pairs = [(message(number), None) for number in range(3)]
        results = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(results, [Accepted(number) for number in (1, 2, 3)])
        self.assertEqual(self.outbox.waiting, 3)
        self.assertEqual(self.queued(), ["m0", "m1", "m2"])
        written = [stanza(xml)["id"] for xml in self.stream.written]
        self.assertEqual(written, ["m0", "m1", "m2"])
        # One barrier for them all.
        self.assertEqual(len(self.stream.crossings), 1)

    def test_mixed(self) -> None:
        """What is no message is written at once; what is too long leaves the others."""
        self.connect()
        presence = stanza("<presence to='a@b' from='c' id='p'/>")
        many = [message(1), presence, message("x" * 1000), message(2)]
        results = self.wait(self.outbox.acceptAll([(each, None) for each in many]))
        first, second, third, fourth = results
        self.assertEqual(
            (first, second, fourth), (Accepted(1), Accepted(), Accepted(2))
        )
        self.assertEqual(third.problem.status, 413)  # type: ignore[union-attr]
        self.assertEqual(self.queued(), ["m1", "m2"])

    def test_again(self) -> None:
        """What has a key that there is already is not sent again."""
        old = IdempotencyRecord("k", b"f", b"old", 1.0)
        self.store.beginRequest(old)
        new = IdempotencyRecord("k", b"f", b"new", 2.0)
        pairs = [(message(1), new), (message(2), None)]
        results = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(results, [old, Accepted(1)])
        self.assertEqual((self.queued(), self.outbox.waiting), (["m2"], 1))

    def test_limit(self) -> None:
        """So many are kept as may wait; the others are refused."""
        self.outbox = self.begin(outboxLimit=2)
        pairs = [(message(number), None) for number in range(3)]
        *two, third = self.wait(self.outbox.acceptAll(pairs))
        self.assertEqual(two, [Accepted(1), Accepted(2)])
        self.assertEqual(third.problem.status, 503)  # type: ignore[union-attr]

    def test_store(self) -> None:
        """Where the store takes none, none is accepted."""
        self.store.close()
        pairs = [(message(number), None) for number in range(2)]
        for result in self.wait(self.outbox.acceptAll(pairs)):
            self.assertEqual(result.problem.status, 503)  # type: ignore[union-attr]
        self.assertEqual(self.outbox.waiting, 0)

    def test_nobodyWaits(self) -> None:
        """Who leaves before they are kept does not keep them from being sent."""
        self.store = store = SlowStore()
        store.open()
        self.outbox = self.begin()
        self.connect()
        accepting = Deferred.fromCoroutine(self.outbox.acceptAll([(message(1), None)]))
        accepting.addErrback(lambda _: None)
        accepting.cancel()
        store.keeping.callback([7])
        self.assertEqual(len(self.stream.written), 1)


class RoomTests(OutboxTestCase):
    """
    Who has many waits until those before are on their way.
    """

    def test_room(self) -> None:
        """There is room until so many wait, and again once fewer do."""
        self.connect()
        self.successResultOf(self.outbox.whenBelowHighWater())
        pairs = [(message(number), None) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        rooms = [self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()]
        for room in rooms:
            self.assertNoResult(room)
        self.cross()
        for room in rooms:
            self.successResultOf(room)
        self.successResultOf(self.outbox.whenBelowHighWater())

    def test_offline(self) -> None:
        """Nobody waits for a stream that there is not."""
        pairs = [(message(number), None) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        self.successResultOf(self.outbox.whenBelowHighWater())
        self.connect()
        room = self.outbox.whenBelowHighWater()
        self.assertNoResult(room)
        self.breakStream()
        self.successResultOf(room)

    def test_leaves(self) -> None:
        """Who does not want to wait any more is no harm to the others."""
        self.connect()
        pairs = [(message(number), None) for number in range(HIGH_WATER)]
        self.wait(self.outbox.acceptAll(pairs))
        gone, room = self.outbox.whenBelowHighWater(), self.outbox.whenBelowHighWater()
        gone.addErrback(lambda _: None)
        gone.cancel()
        self.cross()
        self.successResultOf(room)
