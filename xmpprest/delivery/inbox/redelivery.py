"""Delivers again what was given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ...core.errors import Problem, Refusal
from ...core.records import Incoming
from .adoption import Adoption
from .keeping import Keeping

#: How many dead stanzas are asked of the store at once.
PAGE = 1000


class Redelivery:
    """
    Lets dead stanzas be pending again.
    """

    def __init__(
        self, keeping: Keeping, adoption: Adoption, room: Callable[[], int]
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
    ) -> Sequence[Incoming]:
        """
        See L{Inboxes.redeliver<xmpprest.delivery.inbox.inboxes.Inboxes.redeliver>}.
        """
        again: list[Incoming] = []
        seen: set[int] = set()
        while (limit := min(PAGE, self._room())) > 0:
            page = await self._store.redeliver(
                webhookIDs, since, until, self._now(), limit
            )
            placed = await self._adoption.place(page)
            again += [
                replace(each, stanza="") for each in placed if each.number not in seen
            ]
            isNew = any(each.number not in seen for each in page)
            seen.update(each.number for each in page)
            # The others have been given up again meanwhile, and would be for ever.
            if not isNew or len(page) < limit:
                break
        return again


def nothingToRedeliver() -> Refusal:
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
