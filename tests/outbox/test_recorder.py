"""Tests for L{xmpprest.outbox.recorder}."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.records import CONFIRMED, StateChange, StoreUnavailable
from xmpprest.outbox.recorder import RETRY, Recorder


def changes(*numbers: int) -> Sequence[StateChange]:
    """Messages are confirmed."""
    return [StateChange(number, CONFIRMED, 1.0) for number in numbers]


class RecorderTests(SynchronousTestCase):
    """
    A recorder whose store takes its time.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[list[int]] = []
        self.keeping: list[Deferred[None]] = []
        self.told = 0
        self.recorder = Recorder(self.change, self.recorded, self.clock)

    def change(self, changes: Sequence[StateChange]) -> Deferred[None]:
        """The store is asked."""
        self.asked.append([each.number for each in changes])
        self.keeping.append(Deferred())
        return self.keeping[-1]

    def recorded(self) -> None:
        """Something was recorded."""
        self.told += 1

    def test_atOnce(self) -> None:
        """
        The store has all of it at once, and decides how much it keeps together.
        """
        for numbers in ((1, 2), (), (3,)):
            self.recorder.record(changes(*numbers))
        self.assertEqual(self.asked, [[1, 2], [3]])
        self.assertEqual(self.recorder.pending, 3)
        self.keeping[0].callback(None)
        self.assertEqual((self.recorder.pending, self.told), (1, 1))
        self.keeping[1].callback(None)
        self.assertEqual((self.recorder.pending, self.told), (0, 2))

    def test_again(self) -> None:
        """
        What could not be kept is tried again together, until it is.
        """
        for numbers in ((1, 2), (3,), (4,)):
            self.recorder.record(changes(*numbers))
        one, two, three = self.keeping
        one.errback(StoreUnavailable("full"))
        two.callback(None)
        three.errback(StoreUnavailable("full"))
        self.assertEqual((self.recorder.pending, self.told), (3, 1))
        for _ in range(2):
            del self.asked[:]
            self.clock.advance(RETRY)
            self.assertEqual(self.asked, [[1, 2, 4]])
            self.keeping[-1].errback(StoreUnavailable("full"))
        self.clock.advance(RETRY)
        self.keeping[-1].callback(None)
        self.assertEqual((self.recorder.pending, self.told), (0, 2))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """
        Then nothing more is tried or told; what the store was asked, it may do.
        """
        self.recorder.record(changes(1))
        self.keeping[0].errback(StoreUnavailable("full"))
        self.recorder.record(changes(2))
        self.recorder.record(changes(3))
        self.recorder.stop()
        self.keeping[1].callback(None)
        self.keeping[2].errback(StoreUnavailable("closed"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual((self.recorder.pending, self.told), (2, 0))

    def test_mistake(self) -> None:
        """
        Any other failure is in the log, and not tried again.
        """
        self.recorder.record(changes(1))
        self.keeping[0].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
