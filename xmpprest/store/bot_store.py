"""The part of the store that has the bots and their contacts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.bots.contact import ContactRecord
from ..core.bots.profile import Bot


class BotStore(Protocol):
    """
    Stores bots and their contacts. Every Deferred may fail with L{StoreUnavailable}.
    """

    def bots(self) -> Deferred[Sequence[Bot]]:
        """Read all bots, in the order of their addresses."""

    def saveBot(self, bot: Bot) -> Deferred[None]:
        """Store a bot, in place of the one with its address."""

    def deleteBot(self, jid: str) -> Deferred[None]:
        """Delete a bot and its contacts."""

    def contacts(
        self, bot: str, after: str, limit: int
    ) -> Deferred[Sequence[ContactRecord]]:
        """
        Read contacts of all bots, in the order of the addresses of bot and contact.

        @param bot: The bot of the contact before the first one.
        @param after: The address of the contact before the first one.
        """

    def saveContacts(self, contacts: Sequence[ContactRecord]) -> Deferred[None]:
        """
        Store contacts, each in place of the one with its address; delete those of which
        nothing is to be stored.
        """
