"""Tests for L{xmpprest.metrics.single_flight}."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.metrics.single_flight import TIMEOUT, SharedQuery


class SurveyTests(SynchronousTestCase):
    """
    Asking somebody who may be slow
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[Deferred[int]] = []
        self.survey = SharedQuery(self.ask, self.clock)

    def ask(self) -> Deferred[int]:
        """Be asked."""
        self.asked.append(Deferred())
        return self.asked[-1]

    def test_answer(self) -> None:
        """Who asks gets the answer; each time anew, and at once where it is there."""
        taking = self.survey.get()
        self.asked.pop().callback(1)
        self.assertEqual(self.successResultOf(taking), 1)
        survey = SharedQuery(lambda: succeed(2), self.clock)
        self.assertEqual(self.successResultOf(survey.get()), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slow(self) -> None:
        """Nobody waits for long, and it is asked no second time meanwhile."""
        for _ in range(3):
            taking = self.survey.get()
            self.clock.advance(TIMEOUT)
            self.assertIsNone(self.successResultOf(taking))
        self.assertEqual(len(self.asked), 1)
        self.asked.pop().callback(1)
        self.survey.get()
        self.assertEqual(len(self.asked), 1)

    def test_together(self) -> None:
        """Those who ask at once get the same; one who leaves is forgotten."""
        takings = [self.survey.get() for _ in range(3)]
        takings[1].cancel()
        self.failureResultOf(takings[1])
        self.asked.pop().callback(1)
        self.assertEqual(self.successResultOf(takings[0]), 1)
        self.assertEqual(self.successResultOf(takings[2]), 1)

    def test_failure(self) -> None:
        """A failure is no answer."""
        survey: SharedQuery[int] = SharedQuery(
            lambda: fail(ZeroDivisionError()), self.clock
        )
        self.assertIsNone(self.successResultOf(survey.get()))
