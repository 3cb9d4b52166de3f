"""
Instances of a gateway, and the leases that they hold.

All times are those of the database's clock, in seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Instance:
    """
    A process of a gateway.

    @ivar epoch: Its number, which no other instance ever gets.
    @ivar url: The address at which the others reach it.
    @ivar version: The version of xmpprest.
    @ivar until: When it counts as dead unless it renews its row.
    """

    epoch: int
    url: str
    version: str
    until: float


@dataclass(frozen=True, slots=True)
class Lease:
    """
    The exclusive right to a task.

    @ivar name: The task.
    @ivar holder: The address of the instance that has it.
    @ivar epoch: The epoch of that instance.
    @ivar until: When another instance may take it.
    """

    name: str
    holder: str
    epoch: int
    until: float


@dataclass(frozen=True, slots=True)
class ClusterView:
    """
    The live instances and the valid leases at a moment.

    @ivar now: The moment.
    """

    now: float
    instances: Sequence[Instance]
    leases: Sequence[Lease]

    def lease(self, name: str) -> Lease | None:
        """Return a lease by its name; C{None} if no instance has it."""
        return next((each for each in self.leases if each.name == name), None)

    def hasInstance(self, epoch: int) -> bool:
        """Return whether an instance is alive."""
        return any(each.epoch == epoch for each in self.instances)
