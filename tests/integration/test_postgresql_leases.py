"""Tests for the leases of L{xmpprest.store.postgresql} on a PostgreSQL."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from tests.support.postgresql import PostgreSQL, sharedServer
from tests.support.stores import addOutgoing
from xmpprest.core.records import NewMessage, StoreUnavailable
from xmpprest.store.postgresql import PostgreSQLStore

#: Seconds, far longer than a test takes.
TTL = 3600.0


class LeaseTests(TestCase):
    """
    Several instances on one database.
    """

    skip = PostgreSQL.missing() or None

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        self.server = sharedServer()
        self.database = self.server.emptyDatabase()
        self.one, self.two = [await self.open() for _ in range(2)]
        self.first = await self.one.register("http://one", "1.0", TTL)
        self.second = await self.two.register("http://two", "1.1", TTL)

    async def open(self, lease: str | None = None) -> PostgreSQLStore:
        """Open a store that shares its database."""
        from twisted.internet import reactor

        url = self.server.url(self.database)
        store = PostgreSQLStore(url, reactor, isAlone=False, lease=lease)
        await store.open()
        self.addCleanup(store.close)
        return store

    def expire(self, table: str, condition: str) -> None:
        """Let rows expire."""
        self.server.execute(
            f"UPDATE {table} SET until = now() - interval '1 s' WHERE {condition}",
            self.database,
        )

    async def test_register(self) -> None:
        """
        Each instance sees all, by the clock of the database; epochs grow.
        """
        self.assertGreater(self.second, self.first)
        self.assertEqual(self.one.epoch, self.first)
        for store, epoch in ((self.one, self.first), (self.two, self.second)):
            view = await store.beat(epoch, TTL)
            self.assertEqual(
                [(each.epoch, each.url, each.version) for each in view.instances],
                [
                    (self.first, "http://one", "1.0"),
                    (self.second, "http://two", "1.1"),
                ],
            )
            for each in view.instances:
                self.assertLess(abs(each.until - view.now - TTL), 60)
            self.assertEqual(view.leases, [])
        await self.one.resign(self.first)
        view = await self.two.beat(self.second, TTL)
        self.assertEqual([each.epoch for each in view.instances], [self.second])

    async def test_exclusive(self) -> None:
        """
        A lease has one holder, who may take it again; others get it once it is
        released.
        """
        took = await self.one.takeLeases(["a", "b"], self.first, TTL)
        self.assertEqual({*took}, {"a", "b"})
        took = await self.two.takeLeases(["b", "c"], self.second, TTL)
        self.assertEqual({*took}, {"c"})
        took = await self.one.takeLeases(["a"], self.first, TTL)
        self.assertEqual([*took], ["a"])
        view = await self.two.beat(self.second, TTL)
        self.assertEqual(
            [(each.name, each.holder, each.epoch) for each in view.leases],
            [
                ("a", "http://one", self.first),
                ("b", "http://one", self.first),
                ("c", "http://two", self.second),
            ],
        )
        await self.two.releaseLeases(["a", "c"], self.second)  # "a" is not its own
        await self.one.releaseLeases(["b"], self.first)
        self.assertEqual(
            {*await self.two.takeLeases(["a", "b"], self.second, TTL)}, {"b"}
        )
        lease = (await self.one.beat(self.first, TTL)).lease("b")
        self.assertEqual(lease and lease.epoch, self.second)

    async def test_expired(self) -> None:
        """
        An expired lease may be taken; a beat renews all leases of the instance.
        """
        await self.one.takeLeases(["a", "b"], self.first, TTL)
        self.expire("lease", "name = 'a'")
        view = await self.two.beat(self.second, TTL)
        self.assertEqual([each.name for each in view.leases], ["b"])
        self.assertEqual([*await self.two.takeLeases(["a"], self.second, TTL)], ["a"])
        self.expire("lease", "name = 'b'")
        view = await self.one.beat(self.first, TTL)
        self.assertEqual(
            [(each.name, each.epoch) for each in view.leases],
            [("a", self.second), ("b", self.first)],
        )
        self.assertEqual([*await self.two.takeLeases(["b"], self.second, TTL)], [])

    async def test_fence(self) -> None:
        """
        Writes of an instance are refused once it was taken for dead; it can register
        again, with a new epoch.
        """
        message = NewMessage("a", "u@x", "<message/>", 1.0)
        await addOutgoing(self.one, message)
        self.expire("instance", f"epoch = {self.first}")
        await addOutgoing(self.one, message)  # no other has taken its place
        third = await self.open()
        await third.register("http://three", "1.0", TTL)
        with self.assertRaises(StoreUnavailable) as raised:
            await addOutgoing(self.one, message)
        self.assertIn("taken", str(raised.exception))
        again = await self.until(lambda: self.one.register("http://one", "1.0", TTL))
        self.assertGreater(again, self.second)
        await addOutgoing(self.one, message)
        self.assertEqual(len(await self.two.listQueued(0, 9)), 3)

    async def until(self, ask):  # type: ignore[no-untyped-def]  # of any result
        """Call until the store is available."""
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await deferLater(reactor, 0.05)

    async def test_needed(self) -> None:
        """
        A store that needs a lease is refused without it; a transaction that comes
        after the lease was lost changes nothing, and is reported.
        """
        message = NewMessage("a", "u@x", "<message/>", 1.0)
        stores = [await self.open(lease="a") for _ in range(2)]
        lost: list[PostgreSQLStore] = []
        first, second = [await each.register("x", "1", TTL) for each in stores]
        old, new = stores
        await old.check()
        with self.assertRaises(StoreUnavailable) as raised:
            await addOutgoing(old, message)
        self.assertIn("standby", str(raised.exception))
        await old.takeLeases(["a"], first, TTL)
        old.admit(True, lambda: lost.append(old))
        await addOutgoing(old, message)
        lease = await new.look("a")
        self.assertEqual(lease and lease.epoch, first)
        self.expire("lease", "name = 'a'")
        await addOutgoing(old, message)  # no other has taken it
        self.assertIsNone(await new.look("a"))
        await new.takeLeases(["a"], second, TTL)
        new.admit(True, lambda: lost.append(new))
        with self.assertRaises(StoreUnavailable):
            await addOutgoing(old, message)
        self.assertEqual(lost, [old])
        self.assertEqual(len(await new.queuedMessages(0, 9)), 2)
        old.admit(False, lambda: None)
        with self.assertRaises(StoreUnavailable) as raised:
            await old.listQueued(0, 9)
        self.assertIn("standby", str(raised.exception))

    async def test_doubt(self) -> None:
        """
        A transaction in doubt is not repeated with a later registration.
        """
        old, new = [await self.open(lease="a") for _ in range(2)]
        first, second = [await each.register("x", "1", TTL) for each in (old, new)]
        await old.takeLeases(["a"], first, TTL)
        old.admit(True, lambda: None)
        await old.check()
        connection = old._session._link._connection  # to be cut off
        assert connection is not None
        self.patch(connection, "run", lambda statements: Deferred())
        adding = addOutgoing(old, NewMessage("a", "u@x", "<message/>", 1.0))
        self.expire("lease", "name = 'a'")
        await new.takeLeases(["a"], second, TTL)
        old._session._link.drop("injected")
        with self.assertRaises(StoreUnavailable):
            await adding
        new.admit(True, lambda: None)
        self.assertEqual(len(await new.queuedMessages(0, 9)), 0)

    async def test_unregistered(self) -> None:
        """
        An instance that has not registered stores nothing.
        """
        third = await self.open()
        with self.assertRaises(StoreUnavailable) as raised:
            await third.check()
        self.assertIn("not registered", str(raised.exception))

    async def test_writers(self) -> None:
        """
        Messages of several instances have different numbers, each in its order.
        """
        for store in (self.one, self.two, self.one):
            message = NewMessage(f"{store.epoch}", "u@x", "<message/>", 1.0)
            await addOutgoing(store, message)
        queued = await self.two.queuedMessages(0, 9)
        self.assertEqual(
            [each.id for each in queued],
            [f"{each}" for each in (self.first, self.second, self.first)],
        )
        rows = self.server.execute(
            "SELECT writer, n FROM outgoing ORDER BY number", self.database
        )
        expected = [(self.first, 1), (self.second, 1), (self.first, 2)]
        self.assertEqual(rows.split(), [f"{a}|{b}" for a, b in expected])
