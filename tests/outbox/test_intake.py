"""Tests of L{xmpprest.outbox.intake}: messages that belong together."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred

from xmpprest.core.errors import Refusal
from xmpprest.core.records import IdempotencyRecord

from .test_capacity import SlowStore
from .test_outbox import OutboxTestCase, message

_Results = Sequence[int | IdempotencyRecord | Exception]


class TogetherTests(OutboxTestCase):
    """
    Tests of L{Intake.enqueueAll<xmpprest.outbox.intake.Intake.enqueueAll>}.
    """

    def enqueue(
        self, *numbers: int | str, record: IdempotencyRecord | None = None
    ) -> Deferred[_Results]:
        """Accept messages together; return the results to come."""
        done: Deferred[_Results] = Deferred()
        self.outbox.enqueueAll(
            [message(number) for number in numbers],
            done.callback,
            keys=[f"k{number}" for number in numbers],
            idempotency=record,
        )
        return done

    def test_stored(self) -> None:
        """Messages are stored by one call of their own, in their order."""
        self.store = store = SlowStore()
        self.outbox = self.begin()
        self.outbox.enqueue(message(0), lambda result: None)
        self.enqueue(1, 2, 3)
        ids = [[each.id for each in call] for call in store.calls]
        self.assertEqual(ids, [["m0"], ["m1", "m2", "m3"]])
        self.assertEqual([each.key for each in store.calls[1]], ["k1", "k2", "k3"])

    def test_results(self) -> None:
        """The caller gets all numbers at once, and the messages are sent."""
        self.connect()
        self.assertEqual(self.successResultOf(self.enqueue(1, 2)), [1, 2])
        self.assertEqual(self.stream.taken(), ["m1", "m2"])
        self.assertEqual(self.outbox.waiting, 2)

    def test_record(self) -> None:
        """The idempotency record of an earlier request keeps all of them out."""
        record = IdempotencyRecord("k", b"f", b"a", 1.0)
        self.assertEqual(
            self.successResultOf(self.enqueue(1, 2, record=record)), [1, 2]
        )
        again = self.enqueue(3, 4, record=record)
        self.assertEqual(self.successResultOf(again), [record, record])
        self.assertEqual(self.queued(), ["m1", "m2"])
        self.assertEqual(self.outbox.waiting, 2)

    def test_tooLong(self) -> None:
        """If one of the messages is too long, none is accepted."""
        refusal = self.assertRaises(Refusal, self.enqueue, 1, "x" * 1000)
        self.assertEqual(refusal.problem.status, 413)
        self.assertEqual((self.queued(), self.outbox.waiting), ([], 0))

    def test_limit(self) -> None:
        """If not all of the messages fit into the outbox, none is accepted."""
        self.outbox = self.begin(outboxLimit=3)
        self.enqueue(1, 2)
        refusal = self.assertRaises(Refusal, self.enqueue, 3, 4)
        self.assertEqual(refusal.problem.status, 503)
        self.assertEqual((self.queued(), self.outbox.waiting), (["m1", "m2"], 2))
        self.assertEqual(self.successResultOf(self.enqueue(5)), [3])

    def test_check(self) -> None:
        """A check refuses what would not fit, and counts nothing."""
        self.outbox = self.begin(outboxLimit=3, outboxSize=1000)
        self.outbox.check(message(1), "t", 1, 300)
        self.outbox.check(message(1), "", 2, 300)
        for token, count, size in (("t", 2, 3), ("", 3, 4), ("", 1, 1000)):
            refusal = self.assertRaises(
                Refusal, self.outbox.check, message(1), token, count, size
            )
            self.assertEqual(refusal.problem.status, 503)
        long = message("x" * 1000)
        refusal = self.assertRaises(Refusal, self.outbox.check, long, "", 0, 0)
        self.assertEqual(refusal.problem.status, 413)
        self.assertEqual((self.outbox.waiting, self.outbox.waitingBytes), (0, 0))
