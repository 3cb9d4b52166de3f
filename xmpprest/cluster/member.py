"""Keeps the lease of one instance, and runs what only the active one does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency import timers
from ..concurrency.cancel_scope import CancelScope
from ..concurrency.waiters import Waiters
from ..core.cluster.role import BEAT, LOOK, STREAM, TTL, Role, RoleMachine
from ..core.cluster.values import ClusterView, Lease
from ..core.errors import REPORT_BUG
from ..core.records import StoreUnavailable

_log = Logger()
_T = TypeVar("_T")


class Leases(Protocol):
    """
    The part of the store that is used; see
    L{LeaseStore<xmpprest.store.lease_store.LeaseStore>}.
    """

    def register(self, url: str, version: str, ttl: float) -> Deferred[int]:
        """Register this instance; return its epoch."""

    def beat(self, epoch: int, ttl: float) -> Deferred[ClusterView]:
        """Renew the row and the leases of the instance."""

    def takeLeases(
        self, names: list[str], epoch: int, ttl: float
    ) -> Deferred[Any]:  # a sequence of names
        """Take leases that are free; return the names of those it holds now."""

    def look(self, name: str) -> Deferred[Lease | None]:
        """Read a lease; C{None} if it is free."""

    def admit(self, isAdmitted: bool, onFenced: Callable[[], object]) -> None:
        """Tell whether the store may be used."""

    def resign(self, epoch: int) -> Deferred[None]:
        """Give all leases of the instance back, and delete its row."""


class ClusterMember(Service):
    """
    Runs a service while the instance is the active one.

    @ivar role: The role of the instance.
    @ivar lease: The lease as the database had it last; C{None} if it was free.
    @ivar since: When the instance got its role, in seconds since 1970.
    @ivar trouble: Why the database could not be asked; empty if it could.
    @ivar takeovers: How often the instance has become the active one.
    """

    def __init__(
        self,
        store: Leases,
        clock: IReactorTime,
        *,
        steady: Callable[[], float],
        now: Callable[[], float],
        version: str,
    ) -> None:
        """
        @param clock: Calls later.
        @param steady: Returns seconds that go on also while the system sleeps.
        @param now: Returns seconds since 1970.
        @param version: The version of xmpprest.
        """
        self._machine = RoleMachine()
        self._store = store
        self._clock = clock
        self._steady = steady
        self._now = now
        self._version = version
        self._active: Any = None  # a service
        self._abort: Callable[[], object] = lambda: None
        self._scope = CancelScope(clock)
        self._expiry: IDelayedCall | None = None
        self._beatenAt = 0.0
        #: Whether the parts were started, and whether they are stopping.
        self._isStarted = self._isStopping = False
        self._stopped: Waiters[None] = Waiters()
        self._retiring: Deferred[None] | None = None
        self.since = now()
        self.trouble = ""
        self.takeovers = 0

    def run(self, active: Service, abort: Callable[[], object]) -> None:
        """
        Set what to run while the instance is active.

        @param active: Started with the lease, and stopped in order.
        @param abort: Called first when the lease is lost: ends at once what must not go
            on.
        """
        self._active = active
        self._abort = abort

    @property
    def role(self) -> Role:
        return self._machine.role

    @property
    def isActive(self) -> bool:
        """Whether the instance holds the lease, as far as it knows."""
        return self._machine.role is Role.ACTIVE

    @property
    def epoch(self) -> int:
        """The epoch of the instance; 0 if it is not registered."""
        return self._machine.epoch

    @property
    def lease(self) -> Lease | None:
        return self._machine.lease

    def isValid(self) -> bool:
        """Return whether the instance may do what only the active one does."""
        return self._machine.isValid(self._steady())

    # --- starting and stopping ---

    def startService(self) -> None:
        """Join the other instances."""
        super().startService()
        self._scope.open()
        self._store.admit(False, self._fenced)
        running = Deferred.fromCoroutine(self._run())
        running.addErrback(_crashed)

    def stopService(self) -> Deferred[None]:
        """
        Stop to be the active instance. The lease is renewed until all parts have
        stopped; the store gives it back when it is closed.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        if self.isActive:
            await self._stopActive()
        if self._retiring is not None:
            await self._retiring
        self._scope.cancel()
        timers.cancel(self._expiry)

    async def _stopActive(self) -> None:
        """Stop the parts, or wait for them to stop."""
        if self._isStopping:
            await self._stopped.wait()
        if not self._isStarted:
            return
        self._isStopping = True
        try:
            await maybeDeferred(self._active.stopService)
        finally:
            self._isStarted = self._isStopping = False
            self._stopped.release(None)

    # --- the loop ---

    async def _run(self) -> None:
        """Beat, look, and take the lease, until the service has stopped."""
        while True:
            try:
                await self._turn()
            except StoreUnavailable as error:
                self.trouble = str(error)
            except CancelledError:
                return
            try:
                await self._scope.sleep(LOOK)
            except CancelledError:
                return

    async def _turn(self) -> None:
        """
        Do what is due.

        @raise StoreUnavailable: The database could not be asked.
        """
        machine = self._machine
        if machine.role is Role.JOINING and self.running:
            self._beatenAt = self._steady()
            epoch = await self._ask(self._store.register("", self._version, TTL))
            self._step(lambda: machine.registered(epoch))
        if machine.role not in (Role.STANDBY, Role.ACTIVE):
            return
        epoch, askedAt = machine.epoch, self._steady()
        if askedAt - self._beatenAt >= BEAT:
            self._beatenAt = askedAt
            view = await self._ask(self._store.beat(epoch, TTL))
            self._step(lambda: machine.renewed(epoch, view, askedAt, self._steady()))
        if machine.role is Role.STANDBY and self.running:
            lease = await self._ask(self._store.look(STREAM))
            machine.looked(lease)
            if lease is None or lease.epoch == machine.epoch:
                await self._take()

    async def _take(self) -> None:
        machine = self._machine
        epoch, askedAt = machine.epoch, self._steady()
        won = await self._ask(self._store.takeLeases([STREAM], epoch, TTL))
        if STREAM in won and self.running:
            self._step(lambda: machine.won(epoch, askedAt, self._steady()))

    async def _ask(self, asking: Deferred[_T]) -> _T:
        """Wait for the database, and note that it answers."""
        result = await asking
        self.trouble = ""
        return result

    def _fenced(self) -> None:
        """The database has refused to commit."""
        self._step(self._machine.fenced)

    def expire(self) -> None:
        """Give up being active if the lease was not renewed in time."""
        self._step(lambda: self._machine.expire(self._steady()))

    def _step(self, event: Callable[[], None]) -> None:
        """Handle an event, and act if the role has changed by it."""
        before = self._machine.role
        event()
        role = self._machine.role
        if role is not before:
            self.since = self._now()
        timers.cancel(self._expiry)
        if role is Role.ACTIVE:
            delay = max(0.0, self._machine.validUntil - self._steady())
            self._expiry = self._clock.callLater(delay, self.expire)
            if before is not role:
                self._activate()
        elif role is Role.RETIRING and before is not role:
            self._retire(before is Role.ACTIVE)
        elif role is Role.STANDBY and before is not role:
            _log.info("This instance is on standby (epoch {epoch}).", epoch=self.epoch)

    def _activate(self) -> None:
        self.takeovers += 1
        _log.info(
            "This instance is active: it has the lease {lease} (epoch {epoch}).",
            lease=STREAM,
            epoch=self.epoch,
        )
        self._store.admit(True, self._fenced)
        self._isStarted = True
        self._active.startService()

    def _retire(self, wasActive: bool) -> None:
        """Stop what only the active instance does."""
        _log.warn(
            "This instance is no longer active: {reason}. Its connection to the XMPP"
            " server is closed.",
            reason=self._machine.reason,
        )
        self._store.admit(False, self._fenced)
        if wasActive:
            self._abort()
        retiring = Deferred.fromCoroutine(self._retired(self._machine.epoch))
        self._retiring = retiring.addErrback(_crashed)

    async def _retired(self, epoch: int) -> None:
        await self._stopActive()
        while self.running:
            # The others need not wait for the end of the lease.
            try:
                await self._store.resign(epoch)
                break
            except StoreUnavailable as error:
                self.trouble = str(error)
                try:
                    await self._scope.sleep(BEAT)
                except CancelledError:
                    break
        self._retiring = None
        self._step(self._machine.retired)


def _crashed(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure(
            "Keeping the lease of this instance crashed; restart it. " + REPORT_BUG,
            failure=failure,
        )
