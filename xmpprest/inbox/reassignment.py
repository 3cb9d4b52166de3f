"""Gives the stored stanzas of removed callbacks to callbacks that receive them."""

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
from .callback_monitor import displayName
from .conversation import COUNT
from .inbox import Inbox
from .pull.inbox import PullInbox
from .store_access import InboxStore, retryWhileUnavailable

_log = Logger()


class InboxRegistry(Protocol):
    """
    The inboxes that exist at the moment.
    """

    @property
    def inboxes(self) -> Mapping[str, Inbox | PullInbox]:
        """Inboxes by name, in the order in which their filters are applied."""

    def isDraining(self, name: str) -> bool:
        """Check whether a removed callback may still have stanzas in flight."""


class OrphanReassigner:
    """
    Finds callbacks for stored stanzas that have none.
    """

    def __init__(
        self, store: InboxStore, scope: CancelScope, registry: InboxRegistry
    ) -> None:
        self._store = store
        self._scope = scope
        self._registry = registry

    async def run(self) -> None:
        """
        Reassign all stored stanzas of removed callbacks. Stanzas that no callback
        receives stay in the store, for a future one.
        """
        moved: dict[str, int] = {}
        left: dict[str, int] = {}
        key: str | None = ""
        while key is not None and (key := await self._next(key)) is not None:
            name = callbackOf(key)
            if self._isKnown(name):
                key = ConversationKeys(name).upperBound
            else:
                all, stay = await self._reassignConversation(key)
                moved[name] = moved.get(name, 0) + all - stay
                left[name] = left.get(name, 0) + stay
        for name, count in moved.items():
            _tell(name, count, left[name])

    def _isKnown(self, name: str) -> bool:
        known = self._registry.inboxes.get(name)
        isDurable = known is not None and known.isDurable
        return isDurable or self._registry.isDraining(name)

    async def _next(self, key: str) -> str | None:
        """Return the next conversation after a key."""
        self._scope.raiseIfCancelled()
        found = await retryWhileUnavailable(
            self._scope, partial(self._store.conversations, key, 1)
        )
        return found[0] if found else None

    async def _reassignConversation(self, key: str) -> tuple[int, int]:
        """
        Reassign one conversation.

        @return: The number of its stanzas, and of those that stay.
        """
        after, all, stay = 0, 0, 0
        while page := await retryWhileUnavailable(
            self._scope, partial(self._store.pending, key, after, COUNT)
        ):
            after = page[-1].number
            all += len(page)
            stay += len(page) - len(await self.reassign(page))
        return all, stay

    async def reassign(self, page: Sequence[InboxRecord]) -> Sequence[InboxRecord]:
        """
        Queue pending stanzas that no inbox has queued.

        @return: The stanzas that will be delivered.
        """
        placed: list[InboxRecord] = []
        for name, some in groupby(page, self._destination):
            stanzas = list(some)
            if name is None:
                continue
            placed += stanzas
            inbox = self._registry.inboxes.get(name)
            if inbox is not None:
                await self._give(stanzas, inbox)
        return placed

    def _destination(self, stanza: InboxRecord) -> str | None:
        """Return the callback of a stanza: its own, or else the first that fits."""
        own = callbackOf(stanza.conversation)
        if self._isKnown(own):
            return own
        inboxes = self._registry.inboxes.items()
        return next((name for name, each in inboxes if _receives(each, stanza)), None)

    async def _give(
        self, stanzas: Sequence[InboxRecord], inbox: Inbox | PullInbox
    ) -> None:
        for key, some in groupby(stanzas, lambda each: each.conversation):
            own, these = inbox.keys.rekey(key), list(some)
            positions: Sequence[int] = [each.position for each in these]
            if own != key:
                numbers = [each.number for each in these]
                positions = await retryWhileUnavailable(
                    self._scope, partial(self._store.reassign, numbers, own)
                )
            # At once, or an inbox that is just starting would count them twice.
            inbox.requeue(
                [
                    replace(each, conversation=own, position=position)
                    for each, position in zip(these, positions, strict=True)
                ]
            )


def _receives(inbox: Inbox | PullInbox, stanza: InboxRecord) -> bool:
    if not inbox.isDurable:
        return False
    try:
        return parseStored(stanza.stanza) in inbox.filter
    except UnparsableStanza:
        # The attempt to deliver it will make it a dead letter.
        return True


def _tell(name: str, moved: int, left: int) -> None:
    if moved:
        _log.warn(
            "{callback} was removed: {count} of its stored stanzas go to other"
            " callbacks.",
            callback=displayName(name),
            count=moved,
        )
    if left:
        _log.warn(
            "{callback} was removed, and no other callback receives {count} of its"
            " stored stanzas: they stay in the store until one does.",
            callback=displayName(name),
            count=left,
        )
