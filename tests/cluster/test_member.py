"""Tests for L{xmpprest.cluster.member} and L{xmpprest.cluster.status}."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.support.doubles import said
from xmpprest.cluster.member import ClusterMember
from xmpprest.cluster.status import MemberStatus
from xmpprest.core.cluster.role import BEAT, LOOK, MARGIN, STREAM, TTL, Role
from xmpprest.core.cluster.values import ClusterView, Instance, Lease
from xmpprest.core.records import StoreUnavailable


class Database:
    """
    The instances and the lease.

    @ivar holder: The epoch that has the lease; 0 if it is free.
    """

    def __init__(self) -> None:
        self.epochs = 0
        self.living: set[int] = set()
        self.holder = 0


class Leases:
    """
    A store of leases.

    @ivar calls: The names of the calls.
    @ivar problem: Why it fails, if it does.
    @ivar isAdmitted: Whether the store may be used.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.calls: list[str] = []
        self.problem: Exception | None = None
        self.isAdmitted = True

    def _call(self, name: str) -> Deferred[None]:
        self.calls.append(name)
        return succeed(None) if self.problem is None else fail(self.problem)

    def _lease(self) -> Lease | None:
        holder = self.database.holder
        return Lease(STREAM, f"i{holder}", holder, 5.0) if holder else None

    def register(self, url: str, version: str, ttl: float) -> Deferred[int]:
        """Register."""

        def registered(_: None) -> int:
            self.database.epochs += 1
            self.database.living.add(self.database.epochs)
            return self.database.epochs

        return self._call("register").addCallback(registered)

    def beat(self, epoch: int, ttl: float) -> Deferred[ClusterView]:
        """Renew."""

        def beaten(_: None) -> ClusterView:
            living = [Instance(each, "", "", 5.0) for each in self.database.living]
            lease = self._lease()
            return ClusterView(0.0, living, [] if lease is None else [lease])

        return self._call("beat").addCallback(beaten)

    def takeLeases(
        self, names: Sequence[str], epoch: int, ttl: float
    ) -> Deferred[Sequence[str]]:
        """Take a lease that is free."""

        def taken(_: None) -> Sequence[str]:
            self.database.holder = self.database.holder or epoch
            return names if self.database.holder == epoch else []

        return self._call("take").addCallback(taken)

    def look(self, name: str) -> Deferred[Lease | None]:
        """Look at the lease."""
        return self._call("look").addCallback(lambda _: self._lease())

    def admit(self, isAdmitted: bool, onFenced: Callable[[], object]) -> None:
        """Note it."""
        self.isAdmitted = isAdmitted
        self.onFenced = onFenced

    def resign(self, epoch: int) -> Deferred[None]:
        """Give everything back."""

        def resigned(_: None) -> None:
            self.database.living.discard(epoch)
            if self.database.holder == epoch:
                self.database.holder = 0

        return self._call("resign").addCallback(resigned)


class Parts(Service):
    """
    The parts that only the active instance runs.

    @ivar stopping: Fires when they have stopped; C{None} to stop at once.
    """

    stopping: Deferred[None] | None = None

    def stopService(self) -> Deferred[None] | None:
        """Stop."""
        super().stopService()
        return self.stopping


class MemberTests(SynchronousTestCase):
    """
    An instance among others.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.database = Database()
        self.store = Leases(self.database)
        self.parts = Parts()
        self.aborted = 0
        self.member = ClusterMember(
            self.store,
            self.clock,
            steady=self.clock.seconds,
            now=lambda: 1e9 + self.clock.seconds(),
            version="1",
        )

        def abort() -> None:
            self.aborted += 1

        self.member.run(self.parts, abort)
        self.status = MemberStatus(self.member)

    def wait(self, seconds: float) -> None:
        """Let time pass in short steps."""
        for _ in range(round(seconds / LOOK)):
            self.clock.advance(LOOK)

    def test_first(self) -> None:
        """The first instance takes the lease, and runs its parts."""
        self.member.startService()
        self.assertEqual(self.store.calls, ["register", "look", "take"])
        self.assertTrue(self.parts.running and self.store.isAdmitted)
        self.assertTrue(self.member.isValid())
        self.assertEqual(
            self.status.report,
            {
                "role": "active",
                "since": "2001-09-09T01:46:40.000Z",
                "epoch": 1,
                "lease": "stream",
                "holder": None,
                "reason": None,
            },
        )

    def test_standby(self) -> None:
        """An instance on standby looks often, and runs nothing until it is free."""
        self.database.holder = 9
        self.member.startService()
        self.wait(10)
        self.assertFalse(self.parts.running or self.store.isAdmitted)
        self.assertIn("look", self.store.calls)
        self.assertNotIn("take", self.store.calls)
        self.assertEqual(
            self.status.reason, "This instance is on standby; the active one is i9"
        )
        self.assertEqual(self.status.report["holder"], "i9")
        self.database.holder = 0
        self.wait(LOOK)
        self.assertTrue(self.parts.running)

    def test_renews(self) -> None:
        """The active instance stays so as long as its beats succeed."""
        self.member.startService()
        self.wait(10 * TTL)
        self.assertTrue(self.member.isValid())
        self.assertAlmostEqual(self.store.calls.count("beat"), 10 * TTL / BEAT, delta=2)

    def test_unavailable(self) -> None:
        """
        Without the database the active instance ends its connection before its lease
        ends, stops its parts, and begins anew once the database is there.
        """
        self.member.startService()
        self.store.problem = StoreUnavailable("it is down")
        self.wait(TTL - MARGIN - LOOK)
        self.assertEqual((self.aborted, self.parts.running), (0, True))
        with capturedLogs() as logs:
            self.wait(LOOK)
        self.assertEqual((self.aborted, self.parts.running), (1, False))
        self.assertFalse(self.store.isAdmitted)
        self.assertIn("no longer active: the database has not renewed", said(logs)[0])
        self.assertIn("(it is down)", self.status.reason)
        self.store.problem = None
        self.wait(2 * BEAT)
        self.assertEqual((self.member.epoch, self.parts.running), (2, True))
        self.assertEqual(self.member.takeovers, 2)

    def test_fenced(self) -> None:
        """A member stops at once if the database refuses to commit with its lease."""
        self.member.startService()
        self.database.holder = 9
        self.store.onFenced()
        self.assertEqual((self.aborted, self.parts.running), (1, False))
        self.wait(BEAT)
        self.assertIs(self.member.role, Role.STANDBY)

    def test_slowParts(self) -> None:
        """A member registers again only when all its parts have stopped."""
        self.member.startService()
        self.parts.stopping = Deferred()
        self.store.onFenced()
        self.wait(10)
        self.assertIs(self.member.role, Role.RETIRING)
        self.assertIn("lost the lease just now", self.status.reason)
        self.parts.stopping.callback(None)
        self.assertIs(self.member.role, Role.JOINING)
        self.assertIn("has just started", self.status.reason)

    def test_stop(self) -> None:
        """
        While the parts of a stopping instance drain, its lease is renewed; then
        nothing goes on.
        """
        self.member.startService()
        self.parts.stopping = Deferred()
        stopped = self.member.stopService()
        self.wait(2 * TTL)
        self.assertNoResult(stopped)
        self.assertTrue(self.member.isValid())
        self.parts.stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lostWhileStopping(self) -> None:
        """An instance that loses its lease while it stops aborts the connection."""
        self.member.startService()
        self.parts.stopping = Deferred()
        stopped = self.member.stopService()
        self.store.onFenced()
        self.assertEqual(self.aborted, 1)
        self.parts.stopping.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopOnStandby(self) -> None:
        """An instance on standby stops at once."""
        self.database.holder = 9
        self.member.startService()
        self.assertIn("no instance", self._withoutHolder())
        self.successResultOf(self.member.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def _withoutHolder(self) -> str:
        """Return the reason while the lease is free, and cannot be taken yet."""
        self.database.holder = 0
        self.member._machine.looked(None)  # as just before it is taken
        return self.status.reason
