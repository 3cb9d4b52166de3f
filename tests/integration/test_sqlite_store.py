"""Tests for L{xmpprest.store.sqlite}."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from tests.support.stores import addOutgoing
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    PENDING,
    IdempotencyRecord,
    NewMessage,
)
from xmpprest.store.interface import Store
from xmpprest.store.sqlite import SQLiteStore, writer_thread

from ..store import suite
from ..store.suite import MESSAGE, THEM, TO, newest, outboxDepth


class _SQLite(suite.StoreTestCase):
    def makeStore(self) -> Store:
        from twisted.internet import reactor

        self.path = Path(self.mktemp())
        return SQLiteStore(
            str(self.path),
            reactor,  # type: ignore[arg-type]
            self.connect,
            lambda: self.keyLimit,
        )

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Open the file."""
        connection: sqlite3.Connection = sqlite3.connect(*args, **kwargs)
        return connection


class SQLiteBotTests(_SQLite, suite.BotSuite):
    """
    Bots and their contacts, in a file.
    """


class SQLiteOutboxTests(_SQLite, suite.OutboxSuite):
    """
    Messages on their way out, in a file.
    """


class SQLiteInboxTests(_SQLite, suite.InboxSuite):
    """
    Stanzas on their way to the callback, in a file.
    """


class SQLiteAnswersTests(_SQLite, suite.AnswersSuite):
    """
    Requests with a key, in a file.
    """


class SQLiteRoomTests(_SQLite, suite.RoomSuite):
    """
    Memberships in rooms, in a file.
    """


class SQLiteHousekeepingTests(_SQLite, suite.HousekeepingSuite):
    """
    The file's own beginning and end.
    """

    def mixture(self) -> Sequence[Callable[[], Deferred[Any]]]:
        """Some of it is refused by SQLite."""
        again = partial(self.store.addIncoming, "again", THEM, MESSAGE, 1.0)
        return [*super().mixture(), again]

    async def test_reopened(self) -> None:
        """
        Stored records are there when the file is opened again, and so is their count.
        """
        number = await self.accept("a")
        await self.attempt(await self.receive("msg_1"), DEAD, 2.0)
        before = await self.all()
        for _ in range(2):
            await self.store.close()
            await self.store.open()
            self.assertEqual(await self.all(), before)
        self.assertGreater(await self.accept("b"), number)

    async def test_rests(self) -> None:
        """
        Changes that nobody waits for are kept when it is closed; bounces, at once.
        """
        self.patch(writer_thread, "REST", 3600.0)
        one, two = await self.accept("a"), await self.accept("b")
        await self.store.updateStates([one], BOUNCED, 2.0, "<error/>")
        changed = self.store.updateStates([two], CONFIRMED, 2.0)
        await self.store.incomingDepth(DEAD)
        await self.store.close()
        await changed
        await self.store.open()
        for id, state in (("a", BOUNCED), ("b", CONFIRMED)):
            found = await newest(self.store, id)
            self.assertEqual(found and found.state, state)

    async def all(self) -> Sequence[object]:
        """Return all records."""
        return [
            await self.store.queuedMessages(0, 10),
            await outboxDepth(self.store),
            await self.store.incomingByID("msg_1"),
            await self.store.incomingDepth(DEAD),
        ]

    async def test_dropped(self) -> None:
        """
        The content of what is done with is in the file no longer.
        """
        secrets = [f"secret {each} " * (each * 40 + 1) for each in range(30)]
        for number, secret in enumerate(secrets):
            sent = await addOutgoing(
                self.store, NewMessage(f"{number}", TO, secret, 1.0)
            )
            assert isinstance(sent, int)
            received = await self.store.addIncoming(f"{number}", TO, secret, 1.0)
            await self.change(sent, CONFIRMED, 2.0)
            await self.attempt(received, DELIVERED, 2.0)
        await self.store.close()
        self.assertNotIn(b"secret", self.path.read_bytes())
        self.assertFalse(self.path.with_name(f"{self.path.name}-wal").exists())


#: What may be read from one end to the other.
_SHORT = (
    "INDEX (outgoingQueued|answeredRunning)$"
    # What was given, or found so far; and a row for each table.
    "|SCAN (json_each|found|new|CONSTANT ROW|sqlite_sequence)"
)


class PlanTests(_SQLite):
    """
    How questions are answered
    """

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = super().connect(*args, **kwargs)
        connection.set_trace_callback(self.traced)
        return connection

    def traced(self, statement: str) -> None:
        """Take down what is asked; triggers are part of what sets them off."""
        if statement.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")):
            self.asked.add(statement)

    async def test_plans(self) -> None:
        """
        No question reads all of a table, or sorts: each has its index, or one that has
        nothing but what it asks for.
        """
        self.asked: set[str] = set()
        await self.ask()
        await self.store.close()
        asked, self.asked = self.asked, set()
        self.assertGreater(len(asked), 20)
        connection = sqlite3.connect(self.path)
        self.addCleanup(connection.close)
        for statement in sorted(asked):
            for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
                self.assertNotIn("TEMP B-TREE", step, statement)
                if step.startswith("SCAN"):
                    self.assertRegex(step, _SHORT, statement)

    async def ask(self) -> None:
        """Ask everything once."""
        number = await self.accept()
        await self.store.queuedMessages(number, 10)
        await self.change(number, CONFIRMED, 1.0)
        await newest(self.store, "a")
        await outboxDepth(self.store)
        await self.attempt(await self.receive("msg_1"), DEAD, 2.0)
        await self.store.conversations("", 10)
        await self.store.pending(THEM, 0, 10)
        await self.store.listIncoming(DEAD, None, 10)
        await self.store.incomingByID("msg_1")
        await self.store.pendingPlaces("", 0, 10)
        await self.store.pendingStanzas([1, 2], 10)
        await self.store.reassign([1, 2], "b")
        await self.store.updatesOrigin()
        await self.store.incomingDepth(PENDING)
        await self.store.requeueDead(["msg_1"], 0.0, 9.0, 1.0, 10)
        await self.store.requeueDead(None, 0.0, 9.0, 1.0, 10)
        await self.store.beginRequest(IdempotencyRecord("key", b"", None, 1.0))
        await self.store.finishRequest("key", b"")
        await self.store.finishRequest("key", None)
        await self.store.failInterruptedRequests(b"")
        await self.store.purge(9.0, 9.0, 9.0)
        await self.store.check()
