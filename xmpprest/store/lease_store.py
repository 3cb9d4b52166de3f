"""The part of a store that several instances of a gateway share their work by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.cluster.values import ClusterView, Lease


class LeaseStore(Protocol):
    """
    Stores instances and leases. Every Deferred may fail with L{StoreUnavailable}.

    All times are compared by the database's clock, so the clocks of the instances do
    not matter.
    """

    @property
    def epoch(self) -> int:
        """The epoch of this instance, with which it writes; 0 before the first."""

    def register(self, url: str, version: str, ttl: float) -> Deferred[int]:
        """
        Register this instance, and delete the rows of those that have expired. Their
        writes fail from then on.

        @param url: The address at which other instances reach it; if empty, its host
            and process.
        @param ttl: Seconds until it counts as dead.
        @return: Its epoch, which is never reused, and higher than all before.
        """

    def beat(self, epoch: int, ttl: float) -> Deferred[ClusterView]:
        """
        Renew the row of an instance, and every lease that it holds, in one statement.

        @return: The live instances and the valid leases. The instance is not among
            them if it was taken for dead: then it holds no lease, and has to register
            again.
        """

    def takeLeases(
        self, names: Sequence[str], epoch: int, ttl: float
    ) -> Deferred[Sequence[str]]:
        """
        Take leases that are free or expired, or that the instance holds already.

        @return: The names of the leases that it holds now, among these.
        """

    def releaseLeases(self, names: Sequence[str], epoch: int) -> Deferred[None]:
        """Give leases back that the instance holds."""

    def look(self, name: str) -> Deferred[Lease | None]:
        """
        Read a lease without renewing anything.

        @return: The lease, with the seconds left in C{until}; C{None} if it is free.
        """

    def admit(self, isAdmitted: bool, onFenced: Callable[[], object]) -> None:
        """
        Tell a store that needs a lease whether the instance holds it. Without it, calls
        of the other interfaces fail, also those that wait.

        @param onFenced: Called when a transaction was refused because another instance
            has the lease.
        """

    def resign(self, epoch: int) -> Deferred[None]:
        """Give all leases of an instance back, and delete its row."""
