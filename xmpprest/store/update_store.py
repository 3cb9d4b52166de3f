"""The part of the store that clients fetch updates from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.records import InboxRecord, PendingPlace, UpdatesOrigin


class UpdateStore(Protocol):
    """
    Reads pending stanzas by their positions. Positions grow in the order in which
    stanzas arrive or become pending again, and are never reused.
    """

    def updatesOrigin(self) -> Deferred[UpdatesOrigin]:
        """Read the identity of the store and its highest position."""

    def pendingPlaces(
        self, conversation: str, number: int, limit: int
    ) -> Deferred[Sequence[PendingPlace]]:
        """
        Read the places of pending stanzas, in the order of conversations and numbers.

        @param conversation: The conversation of the stanza before the first one.
        @param number: The number of that stanza.
        """

    def pendingStanzas(
        self, numbers: Sequence[int], size: int
    ) -> Deferred[Sequence[InboxRecord]]:
        """
        Read stanzas, in the order given, without those that are not pending any more.

        @param size: Limit on the size of their XML in characters; the first stanza is
            exempt, and those beyond it are left out.
        """
