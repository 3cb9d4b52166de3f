"""The figures of an inbox that metrics and limits ask for."""

from __future__ import annotations

from twisted.application.service import Service

from .capacity import Capacity


class CountedInbox(Service):
    """
    An inbox whose stanzas are counted.
    """

    def __init__(
        self, *, stored: Capacity, transient: Capacity, committing: Capacity
    ) -> None:
        """
        @param stored: The stored stanzas, those being committed included.
        @param transient: The stanzas in memory only.
        @param committing: The stanzas being committed.
        """
        self._storedCapacity = stored
        self._transientCapacity = transient
        self._committingCapacity = committing

    @property
    def isDurable(self) -> bool:
        """Whether any stanzas are stored."""
        return True

    @property
    def transientCount(self) -> int:
        """The number of transient stanzas that were not responded to."""
        return self._transientCapacity.count

    @property
    def transientSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._transientCapacity.size

    @property
    def storedCount(self) -> int:
        """The number of stored stanzas that are to be delivered."""
        return self._storedCapacity.count

    @property
    def storedSize(self) -> int:
        """The size of these stanzas, in bytes of XML."""
        return self._storedCapacity.size

    @property
    def refusedCount(self) -> int:
        """The number of stanzas that were refused because of a limit."""
        return (
            self._storedCapacity.refused
            + self._transientCapacity.refused
            + self._committingCapacity.refused
        )

    @property
    def freeCapacity(self) -> int:
        """The number of further stanzas that may be stored."""
        return self._storedCapacity.free if self.isDurable else 0
