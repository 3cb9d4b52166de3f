"""Finds the inbox of a client that fetches updates or answers one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ...core.codec.scalars import quoteShort
from ...core.errors import Refusal, notFound
from ...core.policy.callback_response import CallbackResponse
from ...core.records import PENDING
from ...core.updates.response import settled
from ...core.updates.status import UpdatesStatus
from ...core.webhook.conversation_key import callbackOf
from ..inbox import Inbox
from ..store_access import InboxStore
from .inbox import PullInbox
from .stored import updateOf


class InboxRegistry(Protocol):
    """The inboxes that exist at the moment."""

    @property
    def inboxes(self) -> Mapping[str, Inbox | PullInbox]:
        """Inboxes by the name of their callback."""


def pullInboxes(inboxes: Mapping[str, Inbox | PullInbox]) -> Mapping[str, PullInbox]:
    """Return those of the inboxes that clients fetch from."""
    return {name: each for name, each in inboxes.items() if isinstance(each, PullInbox)}


class UpdateDesk:
    """
    The updates of all callbacks with the URL C{pull:}.
    """

    def __init__(self, registry: InboxRegistry, store: InboxStore) -> None:
        self._registry = registry
        self._store = store

    @property
    def inboxes(self) -> Mapping[str, PullInbox]:
        """The inboxes that clients fetch from, by the name of their callback."""
        return pullInboxes(self._registry.inboxes)

    @property
    def callbacks(self) -> Sequence[str]:
        """The names of the callbacks."""
        return [*self.inboxes]

    @property
    def statuses(self) -> Sequence[UpdatesStatus]:
        """The status of each callback."""
        return [each.status for each in self.inboxes.values()]

    async def fetch(
        self, callback: str, after: str | None, wait: float, limit: int
    ) -> bytes:
        """
        Acknowledge updates, and return those that follow; see L{PullInbox.fetch}.

        @param callback: One of L{callbacks}.
        """
        return await self.inboxes[callback].fetch(after, wait, limit)

    async def answer(
        self, id: str, response: CallbackResponse, mayFetch: Callable[[str], bool]
    ) -> None:
        """
        Act on a client's response to an update; see L{PullInbox.answer}.

        @param mayFetch: Returns whether the client may fetch the updates of a callback.
        @raise Refusal: 404, there is no such update of a callback of this client.
        """
        inboxes = [each for name, each in self.inboxes.items() if mayFetch(name)]
        for inbox in inboxes:
            if (update := inbox.findUpdate(id)) is not None:
                await inbox.answer(update, response)
                return
            if inbox.wasSettled(id):
                raise settled(id)
        found = await self._store.incomingByID(id)
        if found is None:
            raise _unknown(id)
        record = found[0]
        name = callbackOf(record.conversation)
        if name not in self.inboxes or not mayFetch(name):
            raise _unknown(id)
        if record.state != PENDING:
            raise settled(id)
        await self.inboxes[name].answer(updateOf(record), response)


def _unknown(id: str) -> Refusal:
    return notFound(
        f"There is no update {quoteShort(id)}: the gateway has not returned it to this"
        " client, or forgot it, as it forgets presence and queries when it stops."
    )
