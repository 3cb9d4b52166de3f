"""Tests for L{xmpprest.store.memory}."""

from __future__ import annotations

from tests.support.stores import addOutgoing
from xmpprest.core.records import (
    CONFIRMED,
    DEAD,
    DELIVERED,
    IdempotencyRecord,
    NewMessage,
    StoreUnavailable,
)
from xmpprest.store import memory
from xmpprest.store.interface import Store
from xmpprest.store.memory import MemoryStore

from . import suite
from .suite import MESSAGE, TO, newest


class _Memory(suite.StoreTestCase):
    def makeStore(self) -> Store:
        return MemoryStore(keyLimit=lambda: self.keyLimit)


class MemoryBotTests(_Memory, suite.BotSuite):
    """
    Bots and their contacts, in memory.
    """


class MemoryOutboxTests(_Memory, suite.OutboxSuite):
    """
    Messages on their way out, in memory.
    """


class MemoryInboxTests(_Memory, suite.InboxSuite):
    """
    Stanzas on their way to the callback, in memory.
    """


class MemoryRoomTests(_Memory, suite.RoomSuite):
    """
    Memberships in rooms, in memory.
    """


class MemoryAnswersTests(_Memory, suite.AnswersSuite):
    """
    Requests with a key, in memory.
    """


class MemoryHousekeepingTests(_Memory, suite.HousekeepingSuite):
    """
    The memory's own beginning and end.
    """


class LimitTests(suite.StoreTestCase):
    """
    The memory is not used without limit.
    """

    def makeStore(self) -> Store:
        return MemoryStore(limit=2)

    async def test_outgoing(self) -> None:
        """
        No more messages wait than may; one that is done makes room.
        """
        one = await self.accept("one")
        await self.accept("two")
        with self.assertRaises(StoreUnavailable):
            await self.accept("three")
        with self.assertRaises(StoreUnavailable):
            await addOutgoing(
                self.store,
                NewMessage(
                    "x", TO, MESSAGE, 1.0, IdempotencyRecord("k", b"", b"", 1.0)
                ),
            )
        self.assertIsNone(
            await self.store.beginRequest(IdempotencyRecord("k", b"", None, 1.0))
        )
        await self.store.updateStates([one], CONFIRMED, 2.0)
        await self.accept("three")

    async def test_done(self) -> None:
        """
        The messages that were done first are forgotten first.
        """
        for id in ("one", "two", "three", "three"):
            await self.store.updateStates([await self.accept(id)], CONFIRMED, 2.0)
        self.assertIsNone(await newest(self.store, "two"))
        self.assertIsNotNone(await newest(self.store, "three"))

    async def test_incoming(self) -> None:
        """
        No more stanzas are pending than may, those that are redelivered included;
        those that are done are forgotten, the first of each state first.
        """
        for state in (DELIVERED, DEAD):
            for each in range(3):
                number = await self.receive(f"{state}_{each}")
                await self.attempt(number, state, 2.0)
            self.assertIsNone(await self.store.incomingByID(f"{state}_0"))
            self.assertEqual(len(await self.store.listIncoming(state, None, 9)), 2)
        await self.receive("msg_1")
        again = await self.store.requeueDead(None, 0.0, 9.0, 3.0, 10)
        self.assertEqual([each.webhookID for each in again], ["dead_1"])
        with self.assertRaises(StoreUnavailable):
            await self.receive("msg_2")

    async def test_keys(self) -> None:
        """
        Idempotency keys are never evicted to make room for others.
        """
        keys = [IdempotencyRecord(f"{each}", b"", b"done", 1.0) for each in range(5)]
        for key in keys:
            await self.store.beginRequest(key)
        for key in keys:
            self.assertEqual(await self.store.beginRequest(key), key)

    async def test_purgedKeys(self) -> None:
        """
        One purge deletes a limited number of idempotency keys, and the next ones the
        others, so that the reactor is not blocked for long.
        """
        self.patch(memory, "PURGED_KEYS", 2)
        for each in range(5):
            await self.store.beginRequest(IdempotencyRecord(f"{each}", b"", b"", 1.0))
        for left in (3, 1, 0):
            await self.store.purge(0.0, 0.0, 2.0)
            self.assertEqual(await self.store.keyCount(), left)
