"""Delivers again what was given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..core.errors import Problem, Refusal
from ..core.records import InboxRecord
from .options import DurabilityOptions
from .reassignment import OrphanReassigner

#: How many dead stanzas are asked of the store at once.
PAGE = 1000


class Redeliverer:
    """
    Lets dead stanzas be pending again.
    """

    def __init__(
        self,
        keeping: DurabilityOptions,
        adoption: OrphanReassigner,
        room: Callable[[], int],
    ) -> None:
        """
        @param adoption: Knows whom each is for.
        @param room: Tells how many more may wait.
        """
        self._store = keeping.store
        self._now = keeping.now
        self._adoption = adoption
        self._room = room

    async def run(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[InboxRecord]:
        """
        See L{Inboxes.redeliver<xmpprest.inbox.router.InboxRouter.redeliver>}.
        """
        again: list[InboxRecord] = []
        seen: set[int] = set()
        while (limit := min(PAGE, self._room())) > 0:
            page = await self._store.requeueDead(
                webhookIDs, since, until, self._now(), limit
            )
            placed = await self._adoption.reassign(page)
            again += [
                replace(each, stanza="") for each in placed if each.number not in seen
            ]
            isNew = any(each.number not in seen for each in page)
            seen.update(each.number for each in page)
            # The others have been given up again meanwhile, and would be for ever.
            if not isNew or len(page) < limit:
                break
        return again


def noDurableCallback() -> Refusal:
    """Refuse where there is nobody to deliver to: 409."""
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            "There is no callback, or nothing is kept for it, so nothing can be"
            " redelivered; configure callback-url and store.",
        )
    )
