"""
Gives what is kept for a callback that is no longer there to the first that wants it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Protocol

from twisted.logger import Logger

from ..concurrency.cancel_scope import CancelScope
from ..core.records import InboxRecord
from ..core.stanza.stored import UnparsableStanza, parseStored
from ..core.webhook.conversation_key import ConversationKeys, callbackOf
from .conversation import COUNT
from .inbox import Inbox
from .options import InboxStore, retryWhileUnavailable
from .webhook_caller import displayName

_log = Logger()


class InboxRegistry(Protocol):
    """
    The callbacks that there are at the moment.
    """

    @property
    def inboxes(self) -> Mapping[str, Inbox]:
        """By name, in the order in which they are asked whether they want something."""

    def isDraining(self, name: str) -> bool:
        """Whether one that is no longer there has something under way all the same."""


class OrphanReassigner:
    """
    Finds new places for stanzas.
    """

    def __init__(
        self, store: InboxStore, waits: CancelScope, callbacks: InboxRegistry
    ) -> None:
        self._store = store
        self._waits = waits
        self._callbacks = callbacks

    async def run(self) -> None:
        """
        Look at all that is kept for callbacks that are not there.

        What nobody wants stays as it is, for one that will.
        """
        taken: dict[str, int] = {}
        left: dict[str, int] = {}
        key: str | None = ""
        while key is not None and (key := await self._next(key)) is not None:
            name = callbackOf(key)
            if self._isKnown(name):
                key = ConversationKeys(name).upperBound
            else:
                all, stay = await self._look(key)
                taken[name] = taken.get(name, 0) + all - stay
                left[name] = left.get(name, 0) + stay
        for name, count in taken.items():
            _tell(name, count, left[name])

    def _isKnown(self, name: str) -> bool:
        known = self._callbacks.inboxes.get(name)
        return (known is not None and known.isDurable) or self._callbacks.isDraining(
            name
        )

    async def _next(self, key: str) -> str | None:
        """The conversation after one."""
        self._waits.raiseIfCancelled()
        found = await retryWhileUnavailable(
            self._waits, partial(self._store.conversations, key, 1)
        )
        return found[0] if found else None

    async def _look(self, key: str) -> tuple[int, int]:
        """Look at one conversation; returns how many there are, and how many stay."""
        after, all, stay = 0, 0, 0
        while page := await retryWhileUnavailable(
            self._waits, partial(self._store.pending, key, after, COUNT)
        ):
            after = page[-1].number
            all += len(page)
            stay += len(page) - len(await self.reassign(page))
        return all, stay

    async def reassign(self, page: Sequence[InboxRecord]) -> Sequence[InboxRecord]:
        """
        Let stanzas be delivered that are pending, and that nobody knows of.

        @return: Those that will be.
        """
        placed: list[InboxRecord] = []
        for name, some in groupby(page, self._destination):
            stanzas = list(some)
            if name is None:
                continue
            placed += stanzas
            inbox = self._callbacks.inboxes.get(name)
            if inbox is not None:
                await self._give(stanzas, inbox)
        return placed

    def _destination(self, stanza: InboxRecord) -> str | None:
        """The callback that is to have it: its own, or else the first that wants it."""
        own = callbackOf(stanza.conversation)
        if self._isKnown(own):
            return own
        inboxes = self._callbacks.inboxes.items()
        return next((name for name, each in inboxes if _wants(each, stanza)), None)

    async def _give(self, stanzas: Sequence[InboxRecord], inbox: Inbox) -> None:
        for key, some in groupby(stanzas, lambda each: each.conversation):
            own, these = inbox.keys.rekey(key), list(some)
            if own != key:
                numbers = [each.number for each in these]
                await retryWhileUnavailable(
                    self._waits, partial(self._store.reassign, numbers, own)
                )
            # At once, or it would be counted twice by one that just begins.
            inbox.requeue([replace(each, conversation=own) for each in these])


def _wants(inbox: Inbox, stanza: InboxRecord) -> bool:
    if not inbox.isDurable:
        return False
    try:
        return parseStored(stanza.stanza) in inbox.selection
    except UnparsableStanza:
        # It is for whoever has it to say so.
        return True


def _tell(name: str, taken: int, left: int) -> None:
    if taken:
        _log.warn(
            "{callback} is no longer there: {count} of the stanzas that waited for it"
            " go to others, as those do that come.",
            callback=displayName(name),
            count=taken,
        )
    if left:
        _log.warn(
            "{callback} is no longer there, and no other wants {count} of the stanzas"
            " that waited for it: they stay until there is one that does.",
            callback=displayName(name),
            count=left,
        )
