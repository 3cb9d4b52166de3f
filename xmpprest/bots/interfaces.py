"""The interfaces through which bots use the store and the stream."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from ..core.bots.contact import ContactRecord
from ..core.bots.profile import Bot


class BotStore(Protocol):
    """
    The part of the store that has the bots; documented in
    L{BotStore<xmpprest.store.bot_store.BotStore>}.
    """

    def bots(self) -> Deferred[Sequence[Bot]]: ...

    def saveBot(self, bot: Bot) -> Deferred[None]: ...

    def deleteBot(self, jid: str) -> Deferred[None]: ...

    def contacts(
        self, bot: str, after: str, limit: int
    ) -> Deferred[Sequence[ContactRecord]]: ...

    def saveContacts(self, contacts: Sequence[ContactRecord]) -> Deferred[None]: ...


class PresenceStream(Protocol):
    """The stream to the XMPP server."""

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent."""

    def write(self, xml: str) -> None:
        """
        Write a stanza.

        @param xml: The stanza, as L{toXML<xmpprest.core.stanza.serializer.toXML>}
            writes it.
        @raise Refusal: 503 if the stream is lost or does not accept more for now.
        """

    def whenDrained(self) -> Deferred[None]:
        """Wait until the transport has taken everything, or the stream is lost."""


class StreamBarrier(Protocol):
    """A query whose answer proves that the server has read everything before it."""

    def wait(self) -> Awaitable[bool]:
        """
        Wait until the server has read everything written so far.

        @return: C{False} if the server offers no way to find out.
        @raise Refusal: 503 if the stream is lost; 504 if the server is slow.
        """
