"""Tests of L{xmpprest.inbox.fair_queue}."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from tests.inbox.test_stored_delivery import OK
from tests.support.delivery import KeepingWorld
from tests.support.doubles import stanza
from xmpprest.core.webhook.conversation_key import ConversationKeys
from xmpprest.inbox.fair_queue import FairQueue

_KEYS = ConversationKeys()


def key(sender: str, to: str = "bot@x") -> str:
    """The key of a conversation."""
    return _KEYS.keyFor(sender, to)


class FairQueueTests(SynchronousTestCase):
    """
    Tests of L{FairQueue}.
    """

    def test_turns(self) -> None:
        """Senders take turns; the keys of each are in their order."""
        queue = FairQueue()
        many = [key("mallory@x", f"v{number}@x") for number in range(4)]
        for each in many[:3]:
            queue.append(each)
        queue.append(key("ann@x"))
        self.assertEqual(many[0], queue.popleft())
        queue.append(many[3])
        queue.append(key("bob@x"))
        self.assertEqual(5, len(queue))
        self.assertEqual({*many[1:], key("ann@x"), key("bob@x")}, {*queue})
        expected = [key("ann@x"), many[1], key("bob@x"), many[2], many[3]]
        self.assertEqual(expected, [queue.popleft() for _ in range(5)])
        self.assertEqual(0, len(queue))

    def test_clear(self) -> None:
        """A cleared queue is empty."""
        queue = FairQueue()
        for number in range(3):
            queue.append(key("ann@x", f"{number}@x"))
        queue.clear()
        self.assertEqual((0, []), (len(queue), [*queue]))

    def test_untracked(self) -> None:
        """The garbage collector looks at no object for a sender with one key."""
        queue = FairQueue()
        gc.collect()
        before = len(gc.get_objects())
        for number in range(1000):
            queue.append(key(f"u{number}@x"))
        self.assertLess(len(gc.get_objects()) - before, 100)
        self.assertEqual(1000, len(queue))


class StarvationTests(SynchronousTestCase):
    """
    Tests of one sender beside others.
    """

    def test_manyAddresses(self) -> None:
        """
        A sender that writes to very many addresses does not hold up the message of
        another by more than the requests in flight and one more.
        """
        world = KeepingWorld(connections=2)
        for number in range(500):
            world.inbox.receive(
                stanza(
                    f"<message from='mallory@example.org/x' to='v{number}@gateway."
                    f"example' id='{number}' type='chat'><body>hi</body></message>"
                )
            )
        world.message("ann")
        for number in range(4):
            world.answer(OK, number)
        self.assertIn("ann", world.posted()[:4])
