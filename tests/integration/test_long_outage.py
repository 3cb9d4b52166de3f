"""
Tests of a callback that gives no answer for days. The test advances the clock through
thousands of attempts.
"""

from __future__ import annotations

from twisted.logger import capturedLogs

from tests.inbox.test_stored_delivery import OK, OUT, DurableTestCase
from tests.support.delivery import BEGINNING
from tests.support.doubles import said
from xmpprest.core.policy.health import PAUSE_AFTER
from xmpprest.core.policy.retry import MAX_RETRY_WINDOW
from xmpprest.core.records import DEAD, PENDING

HOUR = 3600


class LongOutageTests(DurableTestCase):
    """
    Tests of one conversation.
    """

    def isAnswered(self) -> bool:
        """Whether all that was posted is."""
        return all(post.said.called for post in self.world.callback.posts[-1:])

    def test_patience(self) -> None:
        """
        Five days without any answer pause it, too.
        """
        self.world.message("one")
        with capturedLogs() as logs:
            while not self.world.inbox.isPaused:
                self.world.answer(OUT)
                while not self.world.inbox.isPaused and self.isAnswered():
                    call = self.world.clock.getDelayedCalls()[0]
                    self.world.clock.advance(call.getTime() - self.world.clock.rightNow)
        _, attempts = self.world.record(self.world.callback.posts[0].id)
        age = attempts[-1].at - attempts[0].at
        self.assertTrue(PAUSE_AFTER <= age <= PAUSE_AFTER + 3600, age)
        self.assertIn("it has not responded for 5 days.", said(logs)[-1])
        self.assertEqual(2, len(logs))
        count = len(self.world.posted())
        self.world.clock.advance(60)
        self.assertEqual(count + 1, len(self.world.posted()))
        self.world.answer(OK)
        self.assertFalse(self.world.inbox.isPaused)

    def test_blocked(self) -> None:
        """
        After two weeks a message is given up even if no other was answered: it may be
        the one that is in their way.
        """
        self.world.message("one")
        self.world.message("two")
        while "one" in self.world.incoming(PENDING):
            self.assertEqual("one", self.world.posted()[-1])
            self.world.answer(OUT)
            self.world.clock.advance(600)
        age = self.world.clock.seconds() - BEGINNING
        self.assertTrue(MAX_RETRY_WINDOW <= age < MAX_RETRY_WINDOW + 2 * HOUR, age)
        self.assertTrue(self.world.inbox.isPaused)
        self.world.clock.advance(60)
        self.assertEqual("two", self.world.posted()[-1])
        self.world.answer(OK)
        self.assertEqual(["one"], self.world.incoming(DEAD))
        self.assertEqual(0, self.world.inbox.storedCount)
