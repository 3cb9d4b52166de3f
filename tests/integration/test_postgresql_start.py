"""Tests for the start of L{xmpprest.store.postgresql}: databases that it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import gatherResults
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from tests.support.postgresql import PASSWORD, ROLE, PgBouncer, PostgreSQL, sharedServer
from tests.support.process import LOOPBACK, freePorts
from tests.support.programs import Place, twist
from tests.support.stores import addOutgoing
from xmpprest.core.records import NewMessage, StoreUnavailable, StoreUnusable
from xmpprest.store.postgresql import PostgreSQLStore, opening, session
from xmpprest.store.postgresql.blocking import BlockingConnection
from xmpprest.store.postgresql.inspection import inspect
from xmpprest.store.postgresql.migrations import MIGRATIONS

DOMAIN = "gateway.example"


def _texts(events: Sequence[LogEvent]) -> str:
    return "\n".join(map(formatEvent, events))


class StartTestCase(TestCase):
    """
    A test that opens databases.
    """

    skip = PostgreSQL.missing() or None

    def setUp(self) -> None:
        self.server = sharedServer()
        self.database = self.server.emptyDatabase()
        self.url = self.server.url(self.database)

    def make(self, url: str = "", **fields: Any) -> PostgreSQLStore:
        """Make a store."""
        from twisted.internet import reactor

        store = PostgreSQLStore(
            url or self.url, reactor, **{"domain": DOMAIN, **fields}
        )
        self.addCleanup(store.close)
        return store

    async def refusal(self, url: str = "", domain: str = DOMAIN) -> str:
        """
        Return the sentence with which a database is refused, at the start as by the
        doctor.
        """
        with self.assertRaises(StoreUnusable) as raised:
            await self.make(url, domain=domain).open()
        with self.assertRaises(StoreUnusable) as inspected:
            inspect(url or self.url, None, domain)
        words = str(raised.exception)
        self.assertEqual(str(inspected.exception), words)
        self.assertNotIn(PASSWORD, words)
        return words

    def execute(self, statement: str) -> str:
        """Execute a statement in the database."""
        return self.server.execute(statement, self.database)


class RefusalTests(StartTestCase):
    """
    Databases that a gateway does not use.
    """

    async def test_credentials(self) -> None:
        """
        A wrong password, role or name of the database is an error at the start.
        """
        for url in (
            self.server.url(self.database, password="wrong"),
            self.server.url(self.database, "nobody_knows"),
            self.server.url("no_such_database"),
            f"postgresql://{ROLE}@{LOOPBACK}:{self.server.port}/{self.database}",
        ):
            with self.assertRaises(StoreUnusable) as raised:
                await self.make(url).open()
            words = str(raised.exception)
            self.assertIn("Check the role, its password", words)
            self.assertNotIn("wrong", words)
            with self.assertRaises(StoreUnusable) as inspected:
                inspect(url, None, DOMAIN)
            self.assertIn("check the role", str(inspected.exception))

    async def test_unreachable(self) -> None:
        """
        A gateway starts without the server, and refuses messages; the doctor says so.
        """
        (port,) = freePorts(1)
        url = f"postgresql://{ROLE}@{LOOPBACK}:{port}/x"
        store = self.make(url)
        with capturedLogs() as events:
            await store.open()
        self.assertIn("does not work", _texts(events))
        with self.assertRaises(StoreUnavailable) as raised:
            await store.check()
        self.assertIn("refused", str(raised.exception))
        with self.assertRaises(StoreUnusable) as inspected:
            inspect(url, None, DOMAIN)
        self.assertIn("start it, or correct its address", str(inspected.exception))

    async def test_foreign(self) -> None:
        """
        A database with tables of another program is left alone.
        """
        other = self.server.createDatabase()
        self.server.execute("CREATE TABLE theirs ()", other)
        words = await self.refusal(self.server.url(other))
        self.assertIn("tables of another program", words)
        self.assertIn("a database of its own", words)
        found = self.server.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace",
            other,
        )
        self.assertEqual(found, "1")

    async def test_domains(self) -> None:
        """
        A second gateway with another domain is refused.
        """
        store = self.make()
        await store.open()
        await store.close()
        words = await self.refusal(domain="other.example")
        self.assertIn("belongs to the gateway gateway.example", words)
        self.assertIn("other.example", words)
        await self.make().open()

    async def test_versions(self) -> None:
        """
        Tables of a later version are used if it allows that, and refused otherwise.
        """
        store = self.make()
        await store.open()
        await store.close()
        later = len(MIGRATIONS) + 1
        restore = f"UPDATE xmpprest_schema SET version = {later - 1}, oldest = 1"
        self.addCleanup(self.execute, restore)
        self.execute(f"UPDATE xmpprest_schema SET version = {later}")
        store = self.make()
        await store.open()
        await store.close()
        self.execute(f"UPDATE xmpprest_schema SET oldest = {later}")
        words = await self.refusal()
        self.assertIn(f"of version {later}", words)
        self.assertIn("run the xmpprest that wrote it", words)

    async def test_unsafe(self) -> None:
        """
        A server that would lose commits is refused.
        """
        change = f"ALTER DATABASE {self.database} {{}} synchronous_commit {{}}"
        for value in ("off", "local", "remote_write"):
            self.execute(change.format("SET", f"TO {value}"))
            words = await self.refusal()
            self.assertIn(f"synchronous_commit {value}", words)
            self.assertIn("ALTER ROLE", words)
        self.execute(change.format("RESET", ""))
        self.execute("ALTER SYSTEM SET fsync TO off")
        self.execute("SELECT pg_reload_conf()")
        try:
            while self.execute("SHOW fsync") == "on":
                pass
            self.assertIn("set fsync to on", await self.refusal())
        finally:
            self.execute("ALTER SYSTEM SET fsync TO on")
            self.execute("SELECT pg_reload_conf()")
        while self.execute("SHOW fsync") == "off":
            pass
        await self.make().open()

    async def test_readOnly(self) -> None:
        """
        A database that is read-only is refused.
        """
        change = f"ALTER DATABASE {self.database} {{}} default_transaction_read_only"
        self.execute(change.format("SET") + " TO on")
        try:
            self.assertIn("is read-only", await self.refusal())
        finally:
            self.server.execute(
                "SET default_transaction_read_only TO off;" + change.format("RESET"),
                "postgres",
            )

    async def test_encoding(self) -> None:
        """
        A database without UTF-8 is refused.
        """
        other = self.server.createDatabase(
            "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        )
        self.assertIn("LATIN1", await self.refusal(self.server.url(other)))


class ProcessTests(StartTestCase):
    """
    The gateway's own process.
    """

    async def refused(self, url: str, **environ: str) -> str:
        """Return the output of a gateway that does not start."""
        place = Place(self)
        program = place.start(
            twist("xmpprest", *environ.pop("flags", "").split()),
            XMPPREST_DOMAIN=DOMAIN,
            XMPPREST_SECRET="hush",
            XMPPREST_CREDENTIALS="Bearer dmVyeSBzZWNyZXQgdG9rZW4K",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
            XMPPREST_STORE=url,
            **environ,
        )
        status = await deferToThread(program.end)
        self.assertEqual(status, 1, program.output)
        self.assertNotIn("Traceback", program.output)
        self.assertNotIn("wrong one", program.output)
        return program.output

    async def test_refused(self) -> None:
        """
        A gateway that may not use the database exits with a sentence, and so does
        C{--check-config}.
        """
        url = f"postgresql://{ROLE}@{LOOPBACK}:{self.server.port}/{self.database}"
        for flags in ("", "--check-config"):
            said = await self.refused(
                url, XMPPREST_STORE_PASSWORD="wrong one", flags=flags
            )
            self.assertIn("password authentication failed", said)
            self.assertRegex(said, "[Cc]heck the role, its password and the name")


class SecondGatewayTests(StartTestCase):
    """
    Two gateways that are each to be alone on a database.
    """

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        super().setUp()
        self.patch(opening, "TTL", 1.0)
        self.patch(session, "TTL", 1.0)
        self.patch(session, "BEAT", 0.1)
        self.first = self.make()
        await self.first.open()

    async def test_refused(self) -> None:
        """
        The second is refused, and told who is there; so is the doctor.
        """
        with self.assertRaises(StoreUnusable) as raised:
            await self.make().open()
        words = str(raised.exception)
        self.assertIn("is in use by another gateway (process ", words)
        self.assertIn("stop that, or give this one a database of its own", words)
        self.assertIn("process", str(inspect(self.url, None, DOMAIN).holder))
        await self.first.check()

    async def test_closed(self) -> None:
        """
        After an orderly stop the next one opens at once.
        """
        await self.first.close()
        self.assertIsNone(inspect(self.url, None, DOMAIN).holder)
        await self.make().open()

    async def test_killed(self) -> None:
        """
        A killed gateway is replaced once its lease ends; if it was only frozen, what it
        writes is refused.
        """
        self.first._session._beating.stop()  # as if it was frozen
        message = NewMessage("a", "u@x", "<message/>", 1.0)
        await addOutgoing(self.first, message)
        second = self.make()
        await second.open()
        with self.assertRaises(StoreUnavailable) as raised:
            await addOutgoing(self.first, message)
        self.assertIn("another gateway", str(raised.exception))
        self.assertEqual(len(await second.queuedMessages(0, 9)), 1)


class MigrationTests(StartTestCase):
    """
    Migrations of the tables.
    """

    async def test_later(self) -> None:
        """
        A further migration runs once, while a gateway that does not know it goes on;
        of two that start at the same time both succeed.
        """
        other = self.server.createDatabase()
        url = self.server.url(other)
        old = self.make(url, isAlone=False)
        await old.open()
        await old.register("old", "1", 60.0)
        added = "ALTER TABLE outgoing ADD COLUMN extra text"
        self.patch(opening, "MIGRATIONS", (*MIGRATIONS, (added,)))
        stores = [self.make(url, isAlone=False) for _ in range(2)]
        await gatherResults([each.open() for each in stores])
        await addOutgoing(old, NewMessage("a", "u@x", "<message/>", 1.0))
        version = self.server.execute("SELECT version FROM xmpprest_schema", other)
        self.assertEqual(version, f"{len(MIGRATIONS) + 1}")

    async def test_locked(self) -> None:
        """
        A migration that waits for a lock gives up after a second, so that others can
        go on; it is tried again.
        """
        other = self.server.createDatabase()
        url = self.server.url(other)
        store = self.make(url)
        await store.open()
        await store.close()
        added = "ALTER TABLE outgoing ADD COLUMN extra text"
        self.patch(opening, "MIGRATIONS", (*MIGRATIONS, (added,)))
        backup = BlockingConnection(url)
        self.addCleanup(backup.close)
        backup.execute("BEGIN")
        backup.execute("LOCK TABLE outgoing IN ACCESS SHARE MODE")
        await store.open()
        with self.assertRaises(StoreUnavailable) as raised:
            await store.check()
        self.assertIn("another session locks a table", str(raised.exception))
        backup.execute("COMMIT")
        await available(store)


async def available(store: PostgreSQLStore) -> None:
    """Wait until a store works."""
    from twisted.internet import reactor

    while True:
        try:
            return await store.check()
        except StoreUnavailable:
            await deferLater(reactor, 0.05)


class ReplicaTests(StartTestCase):
    """
    A server with a replica.
    """

    async def test_replica(self) -> None:
        """
        A replica is refused; the primary works, with a warning if the replica may miss
        commits.
        """
        store = self.make()
        await store.open()
        await store.close()
        replica = PostgreSQL()
        self.addCleanup(replica.stop)
        await deferToThread(replica.copyFrom, self.server)
        await deferToThread(replica.start)
        self.assertIn(
            "is a read-only replica", await self.refusal(replica.url(self.database))
        )
        with capturedLogs() as events:
            await self.make().open()
        self.assertIn("synchronous_standby_names is empty", _texts(events))
        warning = inspect(self.url, None, DOMAIN).warning
        self.assertIn("synchronous_standby_names", str(warning))
        both = self.url.replace(
            f"{LOOPBACK}:{self.server.port}",
            f"{LOOPBACK}:{replica.port},{LOOPBACK}:{self.server.port}",
        )
        inspect(both, None, DOMAIN)


class PoolerTests(StartTestCase):
    """
    A PgBouncer in transaction mode.
    """

    skip = PgBouncer.missing() or None

    async def test_pooler(self) -> None:
        """
        A gateway works behind a pooler that gives each transaction another session.
        """
        pooler = PgBouncer(self.server)
        self.addCleanup(pooler.stop)
        await deferToThread(pooler.start)
        stores = [self.make(pooler.url(self.database), isAlone=False) for _ in range(3)]
        for store in stores:
            await store.open()
            await store.register("x", "1", 60.0)
        for _ in range(20):
            await gatherResults(
                [
                    addOutgoing(
                        store, NewMessage(f"{number}", "u@x", "<message/>", 1.0)
                    )
                    for store in stores
                    for number in range(20)
                ]
            )
        queued = await stores[0].listQueued(0, 10_000)
        self.assertEqual(len(queued), 20 * 60)
        await deferToThread(pooler.restart)
        for store in stores:
            await available(store)
