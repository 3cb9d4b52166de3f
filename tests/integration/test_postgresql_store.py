"""Tests for L{xmpprest.store.postgresql} on a PostgreSQL."""

from __future__ import annotations

from typing import Any

from tests.support.postgresql import PostgreSQL, sharedServer
from tests.support.stores import addOutgoing
from xmpprest.core.records import NewMessage
from xmpprest.store.interface import Store
from xmpprest.store.postgresql import PostgreSQLStore

from ..store import suite


class _PostgreSQL(suite.StoreTestCase):
    skip = PostgreSQL.missing() or None

    def makeStore(self) -> Store:
        server = sharedServer()
        self.url = server.url(server.emptyDatabase())
        return self.makeStoreAt(self.url)

    def makeStoreAt(self, url: str, **fields: Any) -> PostgreSQLStore:
        """Make a store that is not open."""
        from twisted.internet import reactor

        return PostgreSQLStore(url, reactor, keyLimit=lambda: self.keyLimit, **fields)


class PostgreSQLBotTests(_PostgreSQL, suite.BotSuite):
    """
    Bots and their contacts, in a database.
    """


class PostgreSQLOutboxTests(_PostgreSQL, suite.OutboxSuite):
    """
    Messages on their way out, in a database.
    """


class PostgreSQLInboxTests(_PostgreSQL, suite.InboxSuite):
    """
    Stanzas on their way to the callback, in a database.
    """


class PostgreSQLAnswersTests(_PostgreSQL, suite.AnswersSuite):
    """
    Requests with a key, in a database.
    """


class PostgreSQLRoomTests(_PostgreSQL, suite.RoomSuite):
    """
    Memberships in rooms, in a database.
    """


class PostgreSQLHousekeepingTests(_PostgreSQL, suite.HousekeepingSuite):
    """
    Beginning, forgetting and ending, in a database.
    """

    async def test_atOnce(self) -> None:
        """
        Calls that are made as soon as the store is open run once each.
        """
        await self.store.close()
        numbers: list[Any] = []

        def send(_: None) -> None:
            for each in "abc":
                message = NewMessage(each, suite.TO, suite.MESSAGE, 1.0)
                addOutgoing(self.store, message).addBoth(numbers.append)

        await self.store.open().addCallback(send)
        await self.store.check()
        queued = await self.store.queuedMessages(0, 9)
        self.assertEqual([each.id for each in queued], [*"abc"])
        self.assertEqual([each.number for each in queued], numbers)
