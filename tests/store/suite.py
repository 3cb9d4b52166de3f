"""
What any store must do; a test module for each lets it be asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from math import inf

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import TestCase

from xmpprest.store.interface import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    EXPIRED,
    PENDING,
    QUEUED,
    SENT,
    Answered,
    Attempt,
    Change,
    Depth,
    Incoming,
    Outgoing,
    Store,
    StoreUnavailable,
)

MESSAGE = "<message to='user@example.org'><body>Grüße 🙂</body></message>"
TO = "user@example.org"


class StoreTestCase(TestCase):
    """
    A test that has a store.
    """

    def makeStore(self) -> Store:
        """The store to be asked; not open."""
        raise NotImplementedError

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        self.store = self.makeStore()
        await self.store.open()
        self.addCleanup(self.close)

    def close(self) -> Deferred[None]:
        """Close the one there is in the end."""
        return self.store.close()

    async def accept(self, id: str = "a", at: float = 1.0) -> int:
        """Keep a message."""
        number = await self.store.accept(id, TO, MESSAGE, at)
        assert isinstance(number, int)
        return number

    async def receive(self, webhookID: str = "msg_1", at: float = 1.0) -> int:
        """Keep a stanza."""
        return await self.store.receive(webhookID, "them us", MESSAGE, at)

    async def attempt(
        self, number: int, state: str, at: float, dueAt: float = 0.0
    ) -> None:
        """Record a try."""
        await self.store.attempted(number, Attempt(at, 500, "no"), state, dueAt)

    async def found(self, webhookID: str) -> Incoming:
        """A stanza that is there."""
        found = await self.store.incomingByID(webhookID)
        assert found is not None
        return found[0]


class OutboxSuite(StoreTestCase):
    """
    Messages on their way out.
    """

    async def test_accept(self) -> None:
        """
        What is accepted is there, as it was given.
        """
        number = await self.accept("a", at=1.5)
        expected = Outgoing(number, "a", TO, MESSAGE, QUEUED, 1.5, 1.5)
        self.assertEqual(await self.store.outgoing(0, 10), [expected])
        self.assertEqual(await self.store.outgoingByID("a"), expected)
        self.assertFalse(expected.isDone)

    async def test_order(self) -> None:
        """
        Calls take effect in the order they are made, though nobody waits between.
        """
        numbers = await gatherResults(
            [self.store.accept(f"{each}", TO, MESSAGE, 1.0) for each in range(50)]
        )
        self.assertEqual(numbers, sorted(set(numbers)))
        kept = await self.store.outgoing(0, 100)
        self.assertEqual([each.id for each in kept], [f"{each}" for each in range(50)])
        self.assertEqual([each.number for each in kept], numbers)

    async def test_readAfterWrite(self) -> None:
        """
        A question sees what was asked to be kept before it.
        """
        accepted = self.store.accept("a", TO, MESSAGE, 1.0)
        asked = self.store.outgoingByID("a")
        changed = self.store.change([Change(1, CONFIRMED, 2.0)])
        askedAgain = self.store.outgoing(0, 10)
        self.assertEqual(await askedAgain, [])
        self.assertTrue(accepted.called and changed.called)
        self.assertEqual(_of(await asked), "a")

    async def test_pages(self) -> None:
        """
        What waits is given from after a number, and so much of it as is wanted.
        """
        numbers = [await self.accept(each) for each in "abcde"]
        await self.store.change([Change(numbers[1], SENT, 2.0)])
        await self.store.change([Change(numbers[2], CONFIRMED, 2.0)])
        first = await self.store.outgoing(0, 2)
        self.assertEqual([each.id for each in first], ["a", "b"])
        second = await self.store.outgoing(first[-1].number, 10)
        self.assertEqual([each.id for each in second], ["d", "e"])
        self.assertEqual(await self.store.outgoing(second[-1].number, 10), [])

    async def test_sent(self) -> None:
        """
        A message that is sent keeps its stanza, and may be queued again.
        """
        number = await self.accept()
        for state in (SENT, QUEUED, SENT):
            await self.store.change([Change(number, state, 2.0)])
            (message,) = await self.store.outgoing(0, 10)
            expected = Outgoing(number, "a", TO, MESSAGE, state, 1.0, 2.0)
            self.assertEqual(message, expected)

    async def test_done(self) -> None:
        """
        A message that is done has no stanza any more, waits no longer, and has the
        error that came back.
        """
        for state, error in (
            (CONFIRMED, None),
            (BOUNCED, "<error type='cancel'/>"),
            (EXPIRED, None),
        ):
            number = await self.accept(state)
            await self.store.change([Change(number, state, 2.0, error)])
            message = await self.store.outgoingByID(state)
            expected = Outgoing(number, state, TO, "", state, 1.0, 2.0, error)
            self.assertEqual(message, expected)
            self.assertTrue(expected.isDone)
        self.assertEqual(await self.store.outgoing(0, 10), [])

    async def test_final(self) -> None:
        """
        A final state stays; a change of what is not there changes nothing.
        """
        number = await self.accept()
        await self.store.change([Change(number, BOUNCED, 2.0, "<error/>")])
        await self.store.change(
            [Change(number, CONFIRMED, 3.0), Change(number + 7, SENT, 3.0)]
        )
        message = await self.store.outgoingByID("a")
        assert message is not None
        self.assertEqual((message.state, message.changedAt), (BOUNCED, 2.0))

    async def test_manyChanges(self) -> None:
        """
        Changes that are given together take effect together, in their order.
        """
        one, two = await self.accept("one"), await self.accept("two")
        await self.store.change(
            [Change(one, SENT, 2.0), Change(two, SENT, 2.0), Change(one, BOUNCED, 3.0)]
        )
        (left,) = await self.store.outgoing(0, 10)
        self.assertEqual((left.number, left.state), (two, SENT))

    async def test_sameID(self) -> None:
        """
        Of messages with one id, the newest is found.
        """
        await self.accept("a", at=1.0)
        newest = await self.accept("a", at=2.0)
        message = await self.store.outgoingByID("a")
        self.assertEqual(message and message.number, newest)
        self.assertIsNone(await self.store.outgoingByID("b"))

    async def test_depth(self) -> None:
        """
        What is queued or sent is counted, with the time of the first of it.
        """
        self.assertEqual(await self.store.outgoingDepth(), Depth(0, None))
        one, two = await self.accept("a", at=1.0), await self.accept("b", at=2.0)
        await self.store.change([Change(one, SENT, 3.0)])
        self.assertEqual(await self.store.outgoingDepth(), Depth(2, 1.0))
        await self.store.change([Change(one, CONFIRMED, 3.0)])
        self.assertEqual(await self.store.outgoingDepth(), Depth(1, 2.0))
        await self.store.change([Change(two, EXPIRED, 3.0)])
        self.assertEqual(await self.store.outgoingDepth(), Depth(0, None))


class InboxSuite(StoreTestCase):
    """
    Stanzas on their way to the callback.
    """

    async def test_receive(self) -> None:
        """
        What is received is there, as it was given, and due at once.
        """
        number = await self.receive("msg_1", at=1.5)
        expected = Incoming(
            number, "msg_1", "them us", MESSAGE, PENDING, 1.5, attempts=0, dueAt=1.5
        )
        self.assertEqual(await self.store.pending(0, 10), [expected])
        self.assertEqual(await self.store.incomingByID("msg_1"), (expected, []))
        self.assertIsNone(await self.store.incomingByID("msg_2"))

    async def test_pages(self) -> None:
        """
        What is pending is given from after a number, and so much as is wanted.
        """
        numbers = [await self.receive(f"msg_{each}") for each in range(5)]
        await self.attempt(numbers[2], DELIVERED, 2.0)
        first = await self.store.pending(0, 2)
        self.assertEqual([each.number for each in first], numbers[:2])
        second = await self.store.pending(numbers[1], 10)
        self.assertEqual([each.number for each in second], numbers[3:])

    async def test_retried(self) -> None:
        """
        After a try that was no success, a stanza is due later.
        """
        number = await self.receive()
        await self.attempt(number, PENDING, 2.0, dueAt=7.0)
        await self.attempt(number, PENDING, 7.0, dueAt=37.0)
        (stanza,) = await self.store.pending(0, 10)
        self.assertEqual((stanza.attempts, stanza.dueAt), (2, 37.0))
        self.assertEqual(stanza.stanza, MESSAGE)

    async def test_delivered(self) -> None:
        """
        What is delivered is pending no longer, and has no stanza any more; every try
        is known.
        """
        number = await self.receive()
        tries = [Attempt(2.0, None, "it is down"), Attempt(3.0, 200, None)]
        await self.store.attempted(number, tries[0], PENDING, 3.0)
        await self.store.attempted(number, tries[1], DELIVERED, 0.0)
        self.assertEqual(await self.store.pending(0, 10), [])
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        stanza, attempts = found
        self.assertEqual((stanza.state, stanza.stanza), (DELIVERED, ""))
        self.assertEqual((stanza.attempts, list(attempts)), (2, tries))

    async def test_dead(self) -> None:
        """
        What is dead keeps its stanza.
        """
        await self.attempt(await self.receive(), DEAD, 2.0)
        stanza = await self.found("msg_1")
        self.assertEqual((stanza.state, stanza.stanza), (DEAD, MESSAGE))
        self.assertEqual(await self.store.pending(0, 10), [])

    async def test_final(self) -> None:
        """
        A final state stays, but a try that comes late is recorded; one of what is not
        there is not.
        """
        number = await self.receive()
        await self.attempt(number, DELIVERED, 2.0)
        await self.attempt(number, PENDING, 3.0)
        await self.attempt(number + 7, DEAD, 3.0)
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        self.assertEqual(found[0].state, DELIVERED)
        self.assertEqual([each.at for each in found[1]], [2.0, 3.0])
        self.assertEqual(await self.store.incoming(DEAD, None, 10), [])

    async def test_states(self) -> None:
        """
        Those in a state are given, the newest first, from before a number.
        """
        numbers = [await self.receive(f"msg_{each}") for each in range(6)]
        for number in (numbers[4], numbers[0], numbers[2], numbers[3]):
            await self.attempt(number, DEAD, 2.0)
        first = await self.store.incoming(DEAD, None, 2)
        self.assertEqual([each.number for each in first], [numbers[4], numbers[3]])
        second = await self.store.incoming(DEAD, numbers[3], 10)
        self.assertEqual([each.number for each in second], [numbers[2], numbers[0]])
        waiting = await self.store.incoming(PENDING, None, 10)
        self.assertEqual([each.number for each in waiting], [numbers[5], numbers[1]])

    async def test_depth(self) -> None:
        """
        Those in a state are counted, with the time of the first that came.
        """
        one = await self.receive("msg_1", at=1.0)
        two = await self.receive("msg_2", at=2.0)
        self.assertEqual(await self.store.incomingDepth(PENDING), Depth(2, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), Depth(0, None))
        await self.attempt(two, DEAD, 3.0)
        await self.attempt(one, DEAD, 3.0)
        self.assertEqual(await self.store.incomingDepth(PENDING), Depth(0, None))
        self.assertEqual(await self.store.incomingDepth(DEAD), Depth(2, 1.0))
        await self.store.redeliver(["msg_1"], 0.0, inf, 4.0, 10)
        self.assertEqual(await self.store.incomingDepth(PENDING), Depth(1, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), Depth(1, 2.0))

    async def test_redeliver(self) -> None:
        """
        Dead stanzas become pending by their ids: their tries are not counted any
        more, but still known.
        """
        for number in [await self.receive(f"msg_{each}") for each in range(3)]:
            await self.attempt(number, DEAD, 2.0)
        await self.receive("msg_3")
        (again,) = await self.store.redeliver(
            ["msg_1", "msg_3", "msg_9", "msg_1"], 0.0, inf, 9.0, 10
        )
        self.assertEqual(again.webhookID, "msg_1")
        self.assertEqual((again.state, again.attempts, again.dueAt), (PENDING, 0, 9.0))
        self.assertEqual(again.stanza, MESSAGE)
        self.assertEqual(await self.store.incomingByID("msg_1"), (again, [_NO]))
        pending = await self.store.pending(0, 10)
        self.assertEqual([each.webhookID for each in pending], ["msg_1", "msg_3"])

    async def test_redeliverSpan(self) -> None:
        """
        Dead stanzas become pending by the time they came, the first of them first,
        and not more than wanted.
        """
        for each in range(6):
            number = await self.receive(f"msg_{each}", at=float(each))
            await self.attempt(number, DEAD, 10.0)
        again = await self.store.redeliver(None, 1.0, 5.0, 20.0, 3)
        self.assertEqual([each.receivedAt for each in again], [1.0, 2.0, 3.0])
        again = await self.store.redeliver(None, 1.0, 5.0, 20.0, 3)
        self.assertEqual([each.webhookID for each in again], ["msg_4"])
        again = await self.store.redeliver(["msg_0", "msg_5"], 1.0, 9.0, 20.0, 3)
        self.assertEqual([each.webhookID for each in again], ["msg_5"])


#: What L{StoreTestCase.attempt} records at 2.0.
_NO = Attempt(2.0, 500, "no")


class AnswersSuite(StoreTestCase):
    """
    Requests with an idempotency key.
    """

    running = Answered("key", b"\0print", None, 1.0)
    done = Answered("key", b"\0print", b"\xff answer", 1.0)

    async def test_begin(self) -> None:
        """
        A key is kept once; whoever comes again is given what there is, first nothing
        but that it runs, then the answer.
        """
        self.assertIsNone(await self.store.begin(self.running))
        other = Answered("key", b"other", None, 2.0)
        self.assertEqual(await self.store.begin(other), self.running)
        assert self.done.answer is not None
        await self.store.end("key", self.done.answer)
        self.assertEqual(await self.store.begin(other), self.done)

    async def test_forgotten(self) -> None:
        """
        A key without an answer is as if it had never been.
        """
        await self.store.begin(self.running)
        await self.store.end("key", None)
        self.assertIsNone(await self.store.begin(self.running))
        await self.store.end("unknown", None)
        await self.store.end("unknown", b"answer")
        self.assertIsNone(await self.store.begin(Answered("unknown", b"", None, 1.0)))

    async def test_interrupted(self) -> None:
        """
        What still ran gets its answer; what was answered keeps its own.
        """
        await self.store.begin(self.running)
        await self.store.begin(Answered("other", b"print", b"its own", 1.0))
        await self.store.interrupted(b"sorry")
        again = await self.store.begin(self.running)
        self.assertEqual(again and again.answer, b"sorry")
        again = await self.store.begin(Answered("other", b"print", None, 1.0))
        self.assertEqual(again and again.answer, b"its own")

    async def test_accept(self) -> None:
        """
        A message is kept with its key, or neither is.
        """
        number = await self.store.accept("a", TO, MESSAGE, 1.0, self.done)
        self.assertIsInstance(number, int)
        self.assertEqual(await self.store.begin(self.running), self.done)
        again = await self.store.accept("b", TO, MESSAGE, 2.0, self.running)
        self.assertEqual(again, self.done)
        self.assertEqual([each.id for each in await self.store.outgoing(0, 9)], ["a"])
        self.assertIsNone(await self.store.outgoingByID("b"))


class HousekeepingSuite(StoreTestCase):
    """
    Beginning, forgetting, ending.
    """

    async def test_forgetOutgoing(self) -> None:
        """
        Messages are forgotten by when they were done; those that wait never are.
        """
        numbers = [await self.accept(each) for each in "abcde"]
        for number, state, at in (
            (numbers[0], CONFIRMED, 10.0),
            (numbers[1], BOUNCED, 20.0),
            (numbers[2], EXPIRED, 10.0),
            (numbers[3], SENT, 10.0),
        ):
            await self.store.change([Change(number, state, at)])
        await self.store.forget(15.0, 0.0, 0.0)
        left = [each for each in "abcde" if await self.store.outgoingByID(each)]
        self.assertEqual(left, ["b", "d", "e"])
        self.assertEqual(await self.store.outgoingDepth(), Depth(2, 1.0))

    async def test_forgetIncoming(self) -> None:
        """
        Stanzas are forgotten by when they were delivered or died, with their tries;
        those that wait never are.
        """
        for webhookID, state, at in (
            ("old", DELIVERED, 10.0),
            ("new", DELIVERED, 20.0),
            ("older", DEAD, 10.0),
            ("newer", DEAD, 20.0),
            ("waiting", PENDING, 10.0),
        ):
            await self.attempt(await self.receive(webhookID), state, at)
        await self.store.forget(15.0, 5.0, 0.0)
        self.assertEqual(await self.known(), ["new", "newer", "older", "waiting"])
        await self.store.forget(5.0, 15.0, 0.0)
        self.assertEqual(await self.known(), ["new", "newer", "waiting"])
        self.assertEqual(await self.store.incomingDepth(DELIVERED), Depth(1, 1.0))
        self.assertEqual(await self.store.incomingDepth(DEAD), Depth(1, 1.0))

    async def known(self) -> list[str]:
        """Which stanzas are still there."""
        stanzas: list[Incoming] = []
        for state in (PENDING, DELIVERED, DEAD):
            stanzas += await self.store.incoming(state, None, 10)
        return sorted(each.webhookID for each in stanzas)

    async def test_forgetAnswers(self) -> None:
        """
        Keys are forgotten by when they were used first.
        """
        await self.store.begin(Answered("old", b"", b"", 10.0))
        await self.store.begin(Answered("new", b"", b"", 20.0))
        await self.store.forget(0.0, 0.0, 15.0)
        self.assertIsNone(await self.store.begin(Answered("old", b"", b"", 30.0)))
        self.assertIsNotNone(await self.store.begin(Answered("new", b"", b"", 30.0)))

    async def test_forgetMany(self) -> None:
        """
        However many there are, all are forgotten; and no number is used again.
        """
        numbers = [
            self.store.accept(f"{each}", TO, MESSAGE, 1.0) for each in range(1000)
        ]
        last = (await gatherResults(numbers))[-1]
        assert isinstance(last, int)
        await self.store.change(
            [Change(each + 1, CONFIRMED, 2.0) for each in range(last)]
        )
        await self.store.forget(3.0, 3.0, 3.0)
        for each in (0, 500, 999):
            self.assertIsNone(await self.store.outgoingByID(f"{each}"))
        self.assertGreater(await self.accept(), last)

    async def test_cancel(self) -> None:
        """
        To cancel gives up the wait, not the work.
        """
        accepted = self.store.accept("a", TO, MESSAGE, 1.0)
        accepted.addErrback(lambda failure: failure.trap(CancelledError))
        accepted.cancel()
        self.assertEqual(_of(await self.store.outgoingByID("a")), "a")

    async def test_check(self) -> None:
        """
        All is well.
        """
        await self.store.check()

    async def test_closed(self) -> None:
        """
        What was asked before the end is done; what is asked later fails.
        """
        accepted = self.store.accept("a", TO, MESSAGE, 1.0)
        await self.store.close()
        self.assertTrue(accepted.called)
        for ask in self.questions():
            with self.assertRaises(StoreUnavailable):
                await ask()

    def questions(self) -> Sequence[Callable[[], Awaitable[object]]]:
        """Some."""
        return (
            lambda: self.store.accept("b", TO, MESSAGE, 1.0),
            lambda: self.store.outgoing(0, 10),
            self.store.check,
            lambda: self.store.forget(0.0, 0.0, 0.0),
        )

    async def test_closedTwice(self) -> None:
        """
        The end may be asked for again.
        """
        await self.store.close()
        await self.store.close()


def _of(message: Outgoing | None) -> str | None:
    return message.id if message else None
