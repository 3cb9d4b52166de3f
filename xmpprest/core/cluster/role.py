"""
The role of an instance: on standby, or the active one that holds the lease.

A pure state machine: it is told what the database has answered, and when that was
asked, by a clock that is never set. An active instance relies on its lease for
L{MARGIN} seconds less than the database does, counted from before the request that
renewed it. So it stops before another one can take the lease, also if the answer was
slow, and also if the process was frozen, since it looks at its clock first when it
wakes up.
"""

from __future__ import annotations

from enum import Enum

from .values import ClusterView, Lease

#: The lease of the connection to the XMPP server, of delivery, and of HTTP.
STREAM = "stream"
#: Seconds that a lease lasts without a beat, and between two beats.
TTL, BEAT = 5.0, 1.0
#: Seconds by which an instance stops before its lease ends.
MARGIN = 1.0
#: Seconds between two looks of an instance on standby, whether the lease is free.
LOOK = 0.25


class Role(Enum):
    """
    The roles of an instance.

    @cvar JOINING: It is not registered in the database.
    @cvar STANDBY: It waits for the lease.
    @cvar ACTIVE: It holds the lease, and does the work.
    @cvar RETIRING: It has lost the lease, and its parts are stopping.
    """

    JOINING = "joining"
    STANDBY = "standby"
    ACTIVE = "active"
    RETIRING = "retiring"


class RoleMachine:
    """
    Decides about the role of one instance.

    Reports about another epoch than the present one are ignored: they were asked for
    before the instance had to register again.

    @ivar role: The role.
    @ivar epoch: The epoch of the registration; 0 without one.
    @ivar validUntil: The time until which an active instance may rely on its lease.
    @ivar lease: The lease as the database had it last; C{None} if it was free.
    @ivar reason: Why the lease was lost last; empty if it never was.
    """

    def __init__(self) -> None:
        self.role = Role.JOINING
        self.epoch = 0
        self.validUntil = 0.0
        self.lease: Lease | None = None
        self.reason = ""

    def isValid(self, now: float) -> bool:
        """Return whether the instance may do what only the active one does."""
        return now < self.validUntil and self.role is Role.ACTIVE

    def registered(self, epoch: int) -> None:
        """Join the others: the instance was registered with an epoch."""
        if self.role is Role.JOINING:
            self.epoch = epoch
            self.role = Role.STANDBY

    def renewed(
        self, epoch: int, view: ClusterView, askedAt: float, now: float
    ) -> None:
        """
        Handle the answer to a beat.

        @param epoch: The epoch that has beaten.
        @param askedAt: The time before the beat was sent.
        """
        if epoch != self.epoch:
            return
        self.lease = view.lease(STREAM)
        isMine = self.lease is not None and self.lease.epoch == epoch
        if self.role is Role.STANDBY and not view.hasInstance(epoch):
            self._forget(Role.JOINING)
        elif self.role is Role.ACTIVE and isMine and view.hasInstance(epoch):
            self._extend(askedAt)
            self.expire(now)
        elif self.role is Role.ACTIVE:
            self._lose("another instance could take the lease")

    def looked(self, lease: Lease | None) -> None:
        """
        Note who holds the lease.

        @param lease: C{None} if it is free.
        """
        self.lease = lease

    def won(self, epoch: int, askedAt: float, now: float) -> None:
        """
        Become active: the lease was taken with an epoch.

        @param askedAt: The time before it was asked for.
        """
        if epoch != self.epoch or self.role is not Role.STANDBY:
            return
        self._extend(askedAt)
        self.role = Role.ACTIVE
        self.expire(now)

    def expire(self, now: float) -> None:
        """Lose the lease if it was not renewed in time."""
        if self.role is Role.ACTIVE and now >= self.validUntil:
            self._lose(
                f"the database has not renewed the lease for {TTL - MARGIN:g} s, or the"
                " process was stopped that long"
            )

    def fenced(self) -> None:
        """Lose the lease: the database has refused to commit with it."""
        if self.role is Role.ACTIVE:
            self._lose("another instance has taken the lease")

    def retired(self) -> None:
        """Begin anew: all parts have stopped, and the old epoch was given up."""
        if self.role is Role.RETIRING:
            self._forget(Role.JOINING)

    def _extend(self, askedAt: float) -> None:
        self.validUntil = max(self.validUntil, askedAt + TTL - MARGIN)

    def _lose(self, reason: str) -> None:
        self.reason = reason
        self.validUntil = 0.0
        self.role = Role.RETIRING

    def _forget(self, role: Role) -> None:
        self.epoch, self.validUntil, self.role = 0, 0.0, role
