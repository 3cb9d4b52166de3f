"""Tests of L{xmpprest.inbox.conversation_table}."""

from __future__ import annotations

import gc

from tests.inbox.test_inbox import schedulerOf
from tests.inbox.test_stored_delivery import OUT, DurableTestCase
from tests.support.delivery import KeepingWorld
from xmpprest.inbox.conversation import Conversation

COUNT = 200
#: Objects of an inbox for any number of conversations: tables, queues, limits.
CONSTANT = 20


def tracked(*roots: object) -> list[object]:
    """
    Return the objects that the garbage collector looks at and that only these objects
    lead to, without classes and functions.
    """
    found: dict[int, object] = {}
    left = [*roots]
    while left:
        each = left.pop()
        isData = gc.is_tracked(each) and not (isinstance(each, type) or callable(each))
        if isData and id(each) not in found:
            found[id(each)] = each
            left += gc.get_referents(each)
    return [*found.values()]


class ParkedTests(DurableTestCase):
    """
    Tests of conversations that wait for minutes, in an outage.
    """

    def setUp(self) -> None:
        """Let four attempts of each conversation fail."""
        self.world = KeepingWorld(connections=COUNT)
        for number in range(COUNT):
            self.world.message(f"m{number}", f"u{number}@d{number % 9}.example")
        for delay in (1, 5, 30, 0):
            self.refuse()
            self.world.clock.advance(delay)
        self.world.callback.posts.clear()

    def refuse(self) -> None:
        """Let the attempts in flight fail."""
        for post in self.world.callback.posts:
            if not post.said.called:
                post.said.errback(OUT)

    def assertUntracked(self) -> None:
        """Check that no object that the garbage collector looks at is for one alone."""
        gc.collect()
        scheduler = schedulerOf(self.world.inbox)
        roots = (scheduler._turns.table, scheduler._turns.queue, scheduler.stored)
        found = tracked(*roots)
        self.assertEqual(COUNT, len(scheduler._turns.table))
        self.assertEqual([], [each for each in found if type(each) is Conversation])
        self.assertLess(len(found), CONSTANT)
        # The roots were followed.
        self.assertGreater(len(found), len(roots))

    def test_waiting(self) -> None:
        """The garbage collector looks at no object for a conversation that waits."""
        self.assertUntracked()

    def test_arrival(self) -> None:
        """A message that arrives behind another changes nothing about that."""
        for number in range(COUNT):
            self.world.message(f"n{number}", f"u{number}@d{number % 9}.example")
        self.assertUntracked()
        self.world.clock.advance(120)
        self.assertEqual(COUNT, len(self.world.posted()))

    def test_ready(self) -> None:
        """
        Conversations that are due, but wait for a free connection, are no objects
        either.
        """
        self.world._connections = 1
        self.stop()
        self.world.clock.advance(200)
        self.world.begin()
        scheduler = schedulerOf(self.world.inbox)
        gc.collect()
        found = tracked(scheduler._turns.table, scheduler._turns.queue)
        self.assertEqual(COUNT, len(scheduler._turns.table))
        self.assertEqual(1, sum(type(each) is Conversation for each in found))
