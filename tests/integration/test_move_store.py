"""Tests for L{xmpprest.commands.move_store} on a PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.support.postgresql import PASSWORD, ROLE, PostgreSQL, sharedServer
from tests.support.process import LOOPBACK
from tests.support.stores import addOutgoing
from xmpprest.__main__ import main
from xmpprest.core.bots.avatar import Avatar
from xmpprest.core.bots.contact import Contact, ContactRecord
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.bots.subscription import Half, Subscription
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    PENDING,
    DeliveryAttempt,
    IdempotencyRecord,
    NewMessage,
)
from xmpprest.core.rooms.values import RoomRecord, SeenMessage
from xmpprest.store.interface import Store
from xmpprest.store.postgresql import PostgreSQLStore
from xmpprest.store.sqlite import SQLiteStore
from xmpprest.store.transfer.tables import TABLES

from ..core.bots.images import png

STANZA = "<message><body>Grüße 🙂 \\ \" ' \t</body></message>"


async def fill(store: Store) -> None:
    """Store records of each kind, in each state."""
    for number, state in enumerate(("", CONFIRMED, BOUNCED)):
        key = IdempotencyRecord(f"t\tkey {number}", b"\0f", b"\xff answer", 1.5)
        message = NewMessage(
            *(f"id {number}", "u@x", STANZA, 1.25, key, "me@x", f"k{number}"),
            token="hooks/a",
            size=7,
        )
        stored = await addOutgoing(store, message)
        assert isinstance(stored, int)
        if state:
            await store.updateStates([stored], state, 2.5, "<error/>")
    await store.confirmReflected(1, "room's", 3.5)
    await store.beginRequest(IdempotencyRecord("running", b"f", None, 2.0))
    numbers = [
        await store.addIncoming(f"msg_{each}", f"c{each % 2}", STANZA, float(each))
        for each in range(5)
    ]
    for number, state in zip(numbers, (DELIVERED, DEAD, DEAD, PENDING), strict=False):
        attempt = DeliveryAttempt(9.125, 500, "no\nü")
        await store.recordAttempt(number, attempt, state, 10.5)
    await store.requeueDead(["msg_1"], 0.0, 99.0, 11.0, 10)
    bot = Bot("b@x", Profile("Wetter", "chat", "ü", -5, "ask", (), Avatar.of(png())))
    await store.saveBot(bot)
    await store.saveBot(Bot("a@x", Profile()))
    contact = Contact(
        "u@y", Subscription(Half.NONE, Half.ACTIVE), isApproved=True, name="Zoë"
    )
    await store.saveContacts([ContactRecord("b@x", contact)])
    await store.saveRoom(RoomRecord("z@r", "b@x", "b@x/r", "nick", create=True))
    await store.saveRoom(
        RoomRecord(
            *("a@r", "b@x", "b@x/r", "n", "secret"),
            isRemoved=True,
            since=1.5,
            invitedBy="u@y",
        )
    )
    for each in range(3):
        store.addSeen(SeenMessage("a@r", "b@x", each, f"key {each}", each / 4))
    await store.check()


def dump(path: Path) -> Mapping[str, Sequence[Any]]:
    """Return all rows of a file."""
    with closing(sqlite3.connect(path)) as connection:
        tables = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            )
        ]
        found = {
            name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr)
            for name in tables
        }
        found["depth"] = [row for row in found["depth"] if row[0] != "touch"]
        found["room in order"] = [*connection.execute("SELECT room FROM room")]
        return found


class MoveTests(TestCase):
    """
    Tests for C{xmpprest move-store}.
    """

    skip = PostgreSQL.missing() or None

    def setUp(self) -> None:
        self.server = sharedServer()
        self.database = self.server.emptyDatabase()
        self.location = (
            f"postgresql://{ROLE}@{LOOPBACK}:{self.server.port}/{self.database}"
        )
        self.password = Path(self.mktemp())
        self.password.write_text(f"{PASSWORD}\n")
        self.path = self.newPath()

    def newPath(self) -> Path:
        """Return the path of no file."""
        return Path(self.mktemp()).absolute()

    def sqlite(self, path: Path) -> SQLiteStore:
        """Make a store in a file."""
        from twisted.internet import reactor

        store = SQLiteStore(str(path), reactor)  # type: ignore[arg-type]  # it is one
        self.addCleanup(store.close)
        return store

    def postgresql(self) -> PostgreSQLStore:
        """Make a store in the database."""
        from twisted.internet import reactor

        store = PostgreSQLStore(self.location, reactor, password=PASSWORD)
        self.addCleanup(store.close)
        return store

    async def move(self, *locations: str) -> str:
        """Run the command in a thread, and return its output."""
        said = StringIO()
        arguments = ["--password-file", str(self.password), *locations]
        with redirect_stdout(said):
            await deferToThread(main, ["move-store", *arguments])
        return said.getvalue()

    async def refused(self, *locations: str) -> str:
        """Return why the command fails."""
        with self.assertRaises(SystemExit) as raised:
            await self.move(*locations)
        self.assertNotIn(PASSWORD, str(raised.exception))
        return str(raised.exception)

    async def test_columns(self) -> None:
        """
        Every column of every table of a file is copied.
        """
        store = self.sqlite(self.path)
        await store.open()
        await store.close()
        with closing(sqlite3.connect(self.path)) as connection:
            found = {
                (table, column)
                for (table,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                )
                if table not in ("depth", "sqlite_sequence")
                for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
            }
        copied = {
            (each.sqlite, column.sqlite) for each in TABLES for column in each.columns
        }
        self.assertEqual(copied, found)

    async def test_there(self) -> None:
        """
        All tables of a file are copied to a database and back; the last file has what
        the first one has, with the numbers that come next.
        """
        first = self.sqlite(self.path)
        await first.open()
        await fill(first)
        await first.close()
        before = dump(self.path)
        for table in TABLES:
            self.assertTrue(before[table.sqlite], table.sqlite)
        said = await self.move(f"sqlite:{self.path}", self.location)
        self.assertIn("Copied 3 messages, 5 stanzas, 4 idempotency keys, 2 bots", said)
        self.assertEqual(dump(self.path), before)
        back = self.newPath()
        await self.move(self.location, f"sqlite:{back}")
        self.assertEqual(dump(back), before)
        await self.compare(self.path, back)

    async def compare(self, path: Path, back: Path) -> None:
        """Compare what three stores with the same records answer."""
        stores: list[Store] = [self.sqlite(path), self.postgresql(), self.sqlite(back)]
        answers = []
        for store in stores:
            await store.open()
            answers.append(
                [
                    [*await store.queuedMessages(0, 10)],
                    [await store.outgoingByKey(f"k{each}") for each in range(3)],
                    [*await store.outgoingByToken("hooks/a", 9)],
                    [*await store.conversations("", 10)],
                    [await store.incomingByID(f"msg_{each}") for each in range(5)],
                    [await store.incomingDepth(each) for each in (PENDING, DEAD)],
                    await store.updatesOrigin(),
                    await store.keyCount(),
                    await store.requestByKey("t\tkey 0"),
                    [*await store.bots()],
                    [*await store.contacts("", "", 9)],
                    [*await store.rooms()],
                    [*await store.seenMessages("a@r", "b@x")],
                    await addOutgoing(store, NewMessage("new", "u@x", STANZA, 1.0)),
                    await store.addIncoming("msg_new", "c", STANZA, 1.0),
                ]
            )
        self.assertEqual(answers[1], answers[0])
        self.assertEqual(answers[2], answers[0])

    async def test_back(self) -> None:
        """
        All tables of a database are copied to a file.
        """
        first = self.postgresql()
        await first.open()
        await fill(first)
        await first.close()
        await self.move(self.location, f"sqlite:{self.path}")
        back = self.newPath()
        await self.move(self.location, f"sqlite:{back}")
        self.assertEqual(dump(back), dump(self.path))
        await self.compare(self.path, back)

    async def test_inUse(self) -> None:
        """
        A store that a gateway uses is not copied, from or to; nor is one added to
        another.
        """
        file, database = self.sqlite(self.path), self.postgresql()
        await file.open()
        for locations in (
            (f"sqlite:{self.path}", self.location),
            (self.location, f"sqlite:{self.path}"),
        ):
            self.assertIn("in use by another gateway", await self.refused(*locations))
        await addOutgoing(file, NewMessage("a", "u@x", STANZA, 1.0))
        await file.close()
        await database.open()
        await addOutgoing(database, NewMessage("a", "u@x", STANZA, 1.0))
        for locations in (
            (f"sqlite:{self.path}", self.location),
            (self.location, f"sqlite:{self.mktemp()}"),
        ):
            self.assertIn(
                "in use by a gateway (process", await self.refused(*locations)
            )
        await database.close()
        for locations in (
            (f"sqlite:{self.path}", self.location),
            (self.location, f"sqlite:{self.path}"),
        ):
            self.assertIn("has records already", await self.refused(*locations))

    async def test_wrong(self) -> None:
        """
        Wrong locations are refused, with what is expected.
        """
        absent = self.newPath()
        for locations, words in (
            ((), "Expected the location of the store"),
            (("sqlite:a", "memory"), "A store in memory ends with its gateway"),
            (("x.db", self.location), "expected sqlite:PATH"),
            ((f"sqlite:{absent}", self.location), "There is no store"),
            (
                (f"postgresql://me:{PASSWORD}@x/y", "sqlite:a"),
                "give its file with --password-file",
            ),
            (("postgresql://127.0.0.1:1/x", f"sqlite:{absent}"), "cannot be reached"),
        ):
            self.assertIn(words, await self.refused(*locations))
        self.assertFalse(absent.exists())
        empty = self.server.createDatabase()
        location = self.location.replace(self.database, empty)
        self.assertIn(
            "has no store", await self.refused(location, f"sqlite:{self.path}")
        )
