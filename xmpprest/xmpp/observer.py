"""The interfaces of objects that are told about the component's stream."""

from __future__ import annotations

from typing import Protocol, TypeAlias, runtime_checkable

from twisted.words.xish.domish import Element


@runtime_checkable
class ConnectionObserver(Protocol):
    """An object that is told when stanzas can be sent, and when they no longer can."""

    def connected(self) -> None:
        """Stanzas can be sent: the handshake is accepted. Must not raise."""

    def disconnected(self) -> None:
        """Stanzas can no longer be sent. Must not raise."""


@runtime_checkable
class StanzaObserver(Protocol):
    """
    An object that is told of every stanza that passes, except the iqs by which the
    gateway finds out what the server has processed.
    """

    def sent(self, xml: str) -> None:
        """
        A stanza has been written to the stream. Must not raise.

        @param xml: The stanza, as L{toXML<xmpprest.core.stanza.serializer.toXML>}
            writes it.
        """

    def received(self, stanza: Element) -> None:
        """A stanza has arrived and is about to be handled. Must not raise."""


#: An object with the methods of one of the two, or of both.
StreamObserver: TypeAlias = ConnectionObserver | StanzaObserver
