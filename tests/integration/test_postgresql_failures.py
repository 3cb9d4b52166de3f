"""Tests for L{xmpprest.store.postgresql} on a PostgreSQL that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from tests.support.postgresql import PostgreSQL, sharedServer
from tests.support.restarts import Restarts, recover
from tests.support.stores import addOutgoing
from xmpprest.core.records import (
    BOUNCED,
    DEAD,
    PENDING,
    DeliveryAttempt,
    IdempotencyRecord,
    NewMessage,
    StoreUnavailable,
)
from xmpprest.store.postgresql import PostgreSQLStore, session
from xmpprest.store.postgresql.connection import Connection
from xmpprest.store.postgresql.errors import ConnectionFailed, ServerError

#: Immediate restarts in one test; C{bench.postgresql} does more.
RESTARTS = 3


class FailureTestCase(TestCase):
    """
    A test that has a store in a database.
    """

    skip = PostgreSQL.missing() or None

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.server = sharedServer()
        self.database = self.server.emptyDatabase()
        self.addCleanup(self.server.start)
        self.addCleanup(self.server.resume)
        self.store = PostgreSQLStore(self.server.url(self.database), reactor)
        await self.store.open()
        self.addCleanup(self.store.close)

    async def wait(self, seconds: float = 0.02) -> None:
        """Let the reactor run."""
        await deferLater(self.reactor, seconds)

    async def recover(self) -> None:
        """Wait until the store works."""
        await recover(self.store, self.reactor)

    def message(self, id: str = "a", **fields: Any) -> NewMessage:
        """Return a message to be stored."""
        return NewMessage(id, "u@x", "<message/>", 1.0, **fields)


class OutageTests(FailureTestCase):
    """
    A server that restarts, is down, or does not answer.
    """

    async def test_restarts(self) -> None:
        """
        Each message whose storing was reported is stored once, also if the server
        crashes in between; all callers get an answer.
        """
        load = Restarts(self.store, self.server, self.reactor)
        await load.run(RESTARTS)
        lost, extra = load.difference(self.database)
        self.assertEqual((lost, extra), ({}, {}))

    async def test_down(self) -> None:
        """
        While the server is down, calls fail at once and say why; the store works again
        by itself.
        """
        await deferToThread(self.server.shutdown)
        await self.wait()
        for ask in (
            lambda: addOutgoing(self.store, self.message()),
            self.store.check,
            lambda: self.store.queuedMessages(0, 1),
        ):
            failed: list[Any] = []
            ask().addErrback(failed.append)
            (failure,) = failed
            self.assertIs(failure.type, StoreUnavailable)
            self.assertRegex(failure.getErrorMessage(), "terminat|refused|closed|shut")
        await deferToThread(self.server.start)
        await self.recover()
        await addOutgoing(self.store, self.message())

    async def test_frozen(self) -> None:
        """
        While the server does not answer, what was asked waits, and new calls fail at
        once after a while.
        """
        self.patch(session, "SLOW", 0.05)
        await self.store.check()
        self.server.suspend()
        waiting = addOutgoing(self.store, self.message())
        await self.wait(0.2)
        with self.assertRaises(StoreUnavailable) as raised:
            await self.store.check()
        self.assertIn("has not answered", str(raised.exception))
        self.server.resume()
        self.assertIsInstance(await waiting, int)
        await self.store.check()

    async def test_stalled(self) -> None:
        """
        A connection without an answer is given up, and the transaction repeated over
        another one.
        """
        self.patch(session, "STALLED", 0.1)
        await self.store.check()
        connection = self.store._session._link._connection  # to be cut off
        assert connection is not None
        self.patch(connection, "doRead", lambda: None)
        number = await addOutgoing(self.store, self.message())
        (found,) = await self.store.queuedMessages(0, 9)
        self.assertEqual(found.number, number)

    async def test_closedWhileDown(self) -> None:
        """
        The store can be closed while the server is down.
        """
        await deferToThread(self.server.shutdown)
        await self.wait()
        await self.store.close()

    async def test_startedWhileDown(self) -> None:
        """
        A store can be opened while the server is down, and works once the server does.
        """
        await self.store.close()
        await deferToThread(self.server.shutdown)
        await self.store.open()
        with self.assertRaises(StoreUnavailable):
            await self.store.check()
        await deferToThread(self.server.start)
        await self.recover()


class ErrorTests(FailureTestCase):
    """
    Statements that fail.
    """

    async def test_diskFull(self) -> None:
        """
        While the disk of the database is full, calls fail and say so, and the log does,
        once; what the disk still takes is stored, and so is everything afterwards.
        """
        self.server.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$;"
            " CREATE TRIGGER full_disk BEFORE INSERT ON outgoing"
            " EXECUTE FUNCTION full_disk()",
            self.database,
        )
        try:
            with capturedLogs() as events:
                for _ in range(3):
                    with self.assertRaises(StoreUnavailable) as raised:
                        await addOutgoing(self.store, self.message())
            self.assertIn("the disk of the database is full", str(raised.exception))
            logged = [formatEvent(each) for each in events]
            self.assertEqual(sum("disk of the database" in each for each in logged), 1)
            await self.store.addIncoming("msg_1", "c", "<message/>", 1.0)
        finally:
            self.server.execute(
                "DROP TRIGGER full_disk ON outgoing; DROP FUNCTION full_disk()",
                self.database,
            )
        await addOutgoing(self.store, self.message())

    async def test_fault(self) -> None:
        """
        An operation that the database refuses by its own fault does not affect the
        others of its transaction, nor their order.
        """
        fired: list[str] = []
        calls = [
            self.store.addIncoming(f"msg_{number}", f"c{text}", "<message/>", 1.0)
            for number, text in enumerate(("", "\0", ""))
        ]
        later = addOutgoing(self.store, self.message())
        everything: list[Deferred[Any]] = [*calls, later]

        def note(result: Any, name: str) -> Any:
            fired.append(name)
            return result

        for name, call in zip("abcd", everything, strict=True):
            call.addBoth(note, name)
        await later
        self.assertEqual(fired, [*"abcd"])
        with self.assertRaises(ServerError):
            await calls[1]
        found = await self.store.pending("c", 0, 9)
        self.assertEqual([each.webhookID for each in found], ["msg_0", "msg_2"])
        self.assertIsNone(await self.store.incomingByID("msg_1"))

    async def test_readOnly(self) -> None:
        """
        If the database becomes read-only, as after a failover, calls fail, and the
        store works again once it is not.
        """
        change = f"ALTER DATABASE {self.database} {{}} default_transaction_read_only"
        self.server.execute(change.format("SET") + " TO on")
        try:
            await deferToThread(self.server.shutdown)
            await deferToThread(self.server.start)
            # The connection is lost first, so that no transaction is in doubt.
            reason = ""
            while "read-only" not in reason:
                await self.wait(0.1)
                with self.assertRaises(StoreUnavailable) as raised:
                    await self.store.check()
                reason = str(raised.exception)
        finally:
            self.server.execute(change.format("RESET"))
        await self.recover()


class DoubtTests(FailureTestCase):
    """
    A connection that is lost after the commit, before its report.
    """

    def loseReport(self) -> None:
        """Lose the connection when the next transaction is reported."""

        def lose(connection: Connection) -> None:
            patch.restore()
            connection._lose(ConnectionFailed("injected"))  # as said

        patch = self.patch(Connection, "_finish", lose)

    async def inDoubt(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return the result of a call whose first report is lost."""
        self.loseReport()
        return await ask()

    async def test_messages(self) -> None:
        """
        Messages are stored once, with their keys, and get their numbers.
        """
        key = IdempotencyRecord("k", b"f", b"a", 1.0)
        messages = [
            self.message("a", idempotency=key),
            self.message("b", follows=True),
            self.message("c"),
            self.message("d", idempotency=key),
        ]
        results = await self.inDoubt(lambda: self.store.addAllOutgoing(messages))
        self.assertEqual(results[3], key)
        queued = await self.store.queuedMessages(0, 9)
        self.assertEqual([each.id for each in queued], ["a", "b", "c"])
        self.assertEqual([each.number for each in queued], results[:3])
        self.assertEqual(await self.store.keyCount(), 1)

    async def test_key(self) -> None:
        """
        The request that stored the key begins; the next one does not.
        """
        key = IdempotencyRecord("k", b"f", None, 1.0)
        self.assertIsNone(await self.inDoubt(lambda: self.store.beginRequest(key)))
        self.assertEqual(await self.store.beginRequest(key), key)

    async def test_states(self) -> None:
        """
        A bounce is recorded.
        """
        number = await addOutgoing(self.store, self.message(key="k"))
        assert isinstance(number, int)
        await self.inDoubt(
            lambda: self.store.updateStates([number], BOUNCED, 2.0, "<error/>")
        )
        found = await self.store.outgoingByKey("k")
        self.assertEqual(found and (found.state, found.error), (BOUNCED, "<error/>"))

    async def test_incoming(self) -> None:
        """
        A stanza is stored once, and gets its number.
        """
        number = await self.inDoubt(
            lambda: self.store.addIncoming("msg_1", "c", "<message/>", 1.0)
        )
        (found,) = await self.store.pending("c", 0, 9)
        self.assertEqual(found.number, number)

    async def test_attempts(self) -> None:
        """
        An attempt is recorded once.
        """
        number = await self.store.addIncoming("msg_1", "c", "<message/>", 1.0)
        attempt = DeliveryAttempt(2.0, 500, "no")
        await self.inDoubt(
            lambda: self.store.recordAttempt(number, attempt, PENDING, 3.0)
        )
        found = await self.store.incomingByID("msg_1")
        assert found is not None
        self.assertEqual((found[0].attempts, [*found[1]]), (1, [attempt]))

    async def test_requeued(self) -> None:
        """
        All stanzas that became pending are returned, and no others.
        """
        for each in ("msg_1", "msg_2", "msg_3"):
            number = await self.store.addIncoming(each, "c", "<message/>", 1.0)
            await self.store.recordAttempt(
                number, DeliveryAttempt(2.0, 500, "no"), DEAD, 0.0
            )
        again = await self.inDoubt(
            lambda: self.store.requeueDead(None, 0.0, inf, 3.0, 2)
        )
        self.assertEqual([each.webhookID for each in again], ["msg_1", "msg_2"])
        self.assertEqual((await self.store.incomingDepth(DEAD)).count, 1)
        pending = await self.store.pending("c", 0, 9)
        self.assertEqual(pending, again)
