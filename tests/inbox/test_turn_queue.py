"""Tests of L{xmpprest.inbox.turn_queue}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.inbox.turn_queue import TurnQueue

_KEYS = ConversationKeys()
ANN, BOB = _KEYS.keyFor("ann@x", "bot@x"), _KEYS.keyFor("bob@x", "bot@x")


class TurnQueueTests(SynchronousTestCase):
    """
    Tests of L{TurnQueue}.
    """

    def setUp(self) -> None:
        self.queue = TurnQueue()

    def take(self) -> list[str | None]:
        """Remove all conversations that are ready."""
        taken = []
        while (key := self.queue.next(True)) is not None:
            taken.append(key)
        return [*taken]

    def test_presenceWhilePaused(self) -> None:
        """
        Presence of a conversation whose stored stanzas have to wait leaves nothing in
        the queue of stored ones, which has the conversation once.
        """
        for _ in range(100):
            self.queue.addReady(ANN, False)
            self.queue.addReady(ANN, True)
            self.assertEqual(self.queue.next(False), ANN)
        self.assertEqual(self.queue.readyCount, 1)
        self.queue.addReady(ANN, False)
        self.assertEqual(self.queue.readyCount, 1)
        self.assertEqual(self.take(), [ANN])
        self.assertEqual(self.queue.readyCount, 0)

    def test_discarded(self) -> None:
        """
        A conversation that waits for a time, or was discarded, has no turn, and one
        turn when it is ready again; also many times.
        """
        for _ in range(100):
            self.queue.addReady(ANN, False)
            self.queue.addLater(ANN, 5.0)
            self.queue.addReady(BOB, True)
            self.queue.discard(BOB)
        self.assertEqual(self.queue.readyCount, 1)
        self.assertEqual(self.take(), [])
        for key in (ANN, BOB):
            self.queue.addReady(key, False)
            self.queue.addReady(key, True)
            self.queue.addReady(key, False)
        self.assertEqual(self.take(), [ANN, BOB])

    def test_preferred(self) -> None:
        """
        Conversations that are moved to the queue of transient stanzas have one turn
        there, and are ready in the other one afterwards.
        """
        self.queue.addReady(ANN, True)
        for key in (ANN, BOB):
            self.queue.addReady(key, False)
        self.queue.prefer(lambda key: key == ANN)
        self.assertEqual(self.queue.readyCount, 1)
        self.assertEqual(self.queue.next(False), ANN)
        self.assertIsNone(self.queue.next(False))
        self.queue.addReady(ANN, False)
        self.assertEqual(self.take(), [BOB, ANN])

    def test_clear(self) -> None:
        """
        A queue that was cleared has turns for conversations that are added again.
        """
        self.queue.addReady(ANN, False)
        self.queue.discard(ANN)
        self.queue.clear()
        self.queue.addReady(ANN, False)
        self.assertEqual(self.take(), [ANN])
