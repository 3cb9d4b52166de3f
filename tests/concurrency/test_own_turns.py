"""Tests for L{xmpprest.concurrency.own_turns}."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.concurrency.own_turns import OwnTurns


class OwnTurnsTests(SynchronousTestCase):
    """
    L{OwnTurns}
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.turns = OwnTurns(self.clock)

    def begin(self) -> None:
        """Make the one call that is due, as the reactor does in one turn."""
        (call,) = self.clock.calls
        self.assertEqual(call.getTime(), self.clock.seconds())
        self.clock.calls.remove(call)
        call.func()

    def test_oneEach(self) -> None:
        """
        Each piece of work has a later turn, in order, and only one has the next.
        """
        works = [self.turns.next() for _ in range(3)]
        for number, work in enumerate(works):
            self.assertNoResult(work)
            self.begin()
            self.successResultOf(work)
            for later in works[number + 1 :]:
                self.assertNoResult(later)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        again = self.turns.next()
        self.begin()
        self.successResultOf(again)

    def test_cancelled(self) -> None:
        """
        A piece of work that was cancelled does not hold up the next.
        """
        first, second = self.turns.next(), self.turns.next()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.begin()
        self.assertNoResult(second)
        self.begin()
        self.successResultOf(second)
