"""Redelivery of dead letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core.errors import Problem, Refusal
from ..core.records import InboxRecord
from .reassignment import OrphanReassigner
from .store_access import InboxStore

#: Number of dead letters that one call of the store makes pending.
PAGE = 1000


class Redeliverer:
    """
    Makes dead letters pending again.
    """

    def __init__(
        self,
        store: InboxStore,
        now: Callable[[], float],
        reassigner: OrphanReassigner,
        freeCapacity: Callable[[], int],
    ) -> None:
        """
        @param now: Returns the time, in seconds since 1970.
        @param reassigner: Finds the callback of each stanza.
        @param freeCapacity: Returns how many further stanzas may be pending.
        """
        self._store = store
        self._now = now
        self._reassigner = reassigner
        self._freeCapacity = freeCapacity

    async def run(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """
        Redeliver dead letters.

        @param webhookIDs: Their ids; C{None} for all of the time span.
        @param since: Begin of the time span, in seconds since 1970.
        @param until: End of the time span, which does not belong to it.
        @return: Records of the stanzas that are delivered again, without their XML.
        @raise StoreUnavailable: Some of them may be delivered all the same.
        """
        again: list[InboxRecord] = []
        seen: set[int] = set()
        while (limit := min(PAGE, self._freeCapacity())) > 0:
            page = await self._store.requeueDead(
                webhookIDs, since, until, self._now(), limit
            )
            placed = await self._reassigner.reassign(page)
            again += [
                replace(each, stanza="") for each in placed if each.number not in seen
            ]
            isNew = any(each.number not in seen for each in page)
            seen.update(each.number for each in page)
            # Stanzas that became dead letters again meanwhile would never end it.
            if not isNew or len(page) < limit:
                break
        return again


def noDurableCallback() -> Refusal:
    """Return the error for a gateway that stores no stanzas for a callback: 409."""
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            "There is no callback with stored stanzas, so nothing can be redelivered;"
            " configure callback-url and store.",
        )
    )
