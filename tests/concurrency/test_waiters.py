"""Tests for L{xmpprest.concurrency.waiters} and L{xmpprest.concurrency.timers}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.concurrency.timers import cancel
from xmpprest.concurrency.waiters import Waiters


class WaitersTests(SynchronousTestCase):
    """
    A list of waiters
    """

    def setUp(self) -> None:
        self.waiters: Waiters[int] = Waiters()

    def test_release(self) -> None:
        """All waiters get the result, in the order in which they came."""
        first, second = self.waiters.wait(), self.waiters.wait()
        first.addCallback(lambda _: self.assertNoResult(second))
        self.waiters.release(7)
        self.successResultOf(first)
        self.assertEqual(self.successResultOf(second), 7)
        self.assertEqual(len(self.waiters), 0)

    def test_fail(self) -> None:
        """All waiters get the failure."""
        waiting = self.waiters.wait()
        self.waiters.fail(KeyError())
        self.failureResultOf(waiting, KeyError)

    def test_cancelled(self) -> None:
        """A cancelled waiter leaves the list; the others still fire."""
        first, second = self.waiters.wait(), self.waiters.wait()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.waiters), 1)
        self.waiters.release(1)
        self.assertEqual(self.successResultOf(second), 1)

    def test_cancelledByAnother(self) -> None:
        """A waiter that another waiter's callback cancels is not fired twice."""
        first, second = self.waiters.wait(), self.waiters.wait()
        first.addCallback(lambda _: second.addErrback(lambda _: None).cancel())
        self.waiters.release(1)
        self.successResultOf(first)
        self.successResultOf(second)

    def test_again(self) -> None:
        """A waiter that comes while the others fire waits for the next time."""
        later: list[Deferred[int]] = []
        self.waiters.wait().addCallback(lambda _: later.append(self.waiters.wait()))
        self.waiters.release(1)
        self.assertNoResult(later[0])
        self.waiters.release(2)
        self.assertEqual(self.successResultOf(later[0]), 2)


class CancelTests(SynchronousTestCase):
    """
    Cancelling timers
    """

    def test_cancel(self) -> None:
        """A pending timer is cancelled; a fired or cancelled one, or none, is left."""
        clock = Clock()
        fired: list[int] = []
        timer = clock.callLater(1, fired.append, 1)
        cancel(timer)
        cancel(timer)
        cancel(None)
        past = clock.callLater(2, fired.append, 2)
        clock.advance(3)
        cancel(past)
        self.assertEqual(fired, [2])
