"""Tests of L{xmpprest.outbox.recorder}."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.records import CONFIRMED, StoreUnavailable
from xmpprest.outbox.recorder import RETRY_DELAY, Recorder
from xmpprest.store.memory import MemoryStore


class SlowStore(MemoryStore):
    """
    A store that records changes when the test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requested: list[list[int]] = []
        self.changes: list[Deferred[None]] = []

    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> Deferred[None]:
        """Wait."""
        self.requested.append([*numbers])
        self.changes.append(Deferred())
        return self.changes[-1]


class RecorderTests(SynchronousTestCase):
    """
    Tests of L{Recorder}.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = SlowStore()
        self.recorder = Recorder(self.store, self.clock)

    def record(self, *numbers: int) -> Deferred[None]:
        """Record that messages are confirmed."""
        return self.recorder.record(numbers, CONFIRMED, 1.0)

    def test_atOnce(self) -> None:
        """All changes reach the store at once, and are pending until committed."""
        first, second = self.record(1, 2), self.record(3)
        self.assertEqual(self.store.requested, [[1, 2], [3]])
        self.assertEqual(self.recorder.pending, 3)
        self.store.changes[0].callback(None)
        self.successResultOf(first)
        self.assertNoResult(second)
        self.assertEqual(self.recorder.pending, 1)
        self.store.changes[1].callback(None)
        self.successResultOf(second)
        self.assertEqual(self.recorder.pending, 0)

    def test_retry(self) -> None:
        """Changes that the store refuses are retried until it records them."""
        first, second = self.record(1, 2), self.record(3)
        one, two = self.store.changes
        one.errback(StoreUnavailable("full"))
        two.callback(None)
        self.successResultOf(second)
        for _ in range(2):
            del self.store.requested[:]
            self.clock.advance(RETRY_DELAY)
            self.assertEqual(self.store.requested, [[1, 2]])
            self.store.changes[-1].errback(StoreUnavailable("full"))
        self.assertEqual(self.recorder.pending, 2)
        self.assertNoResult(first)
        self.clock.advance(RETRY_DELAY)
        self.store.changes[-1].callback(None)
        self.successResultOf(first)
        self.assertEqual(self.recorder.pending, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """After a stop nothing is retried, neither earlier nor later failures."""
        retried, underWay = self.record(1), self.record(2)
        self.store.changes[0].errback(StoreUnavailable("full"))
        self.recorder.stop()
        self.failureResultOf(retried, CancelledError)
        self.store.changes[1].errback(StoreUnavailable("closed"))
        self.failureResultOf(underWay, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(len(self.store.requested), 2)

    def test_otherFailure(self) -> None:
        """Any other failure is raised, and not retried."""
        recording = self.record(1)
        self.store.changes[0].errback(ZeroDivisionError())
        self.failureResultOf(recording, ZeroDivisionError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
