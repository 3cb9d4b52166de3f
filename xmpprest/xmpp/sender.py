"""
The sending half of the component's stream: stanzas, iqs with their replies, barriers.

A L{StanzaSender} exists before the service that connects it, so that the parts of a
gateway can be made one after the other: first those that send, then the inbound handler
that uses them, then the L{ComponentService<xmpprest.xmpp.component.ComponentService>}
that takes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime, ITransport
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.xmlstream import XmlStream
from twisted.words.xish.domish import Element

from ..core.errors import serviceUnavailable
from ..core.stanza.serializer import toXML
from .backpressure import Backpressure
from .barrier import Barrier
from .encoding import DELAY_RESERVE, MAX_STANZA_BYTES, encodeStanza
from .iq_tracker import IQTracker, notConnected
from .observer import StanzaObserver


class StanzaSender:
    """
    Writes stanzas to the component's stream while there is one.

    @ivar domain: The component domain, in its normal form.
    @ivar iqTracker: The iqs that wait for their replies.
    @ivar barrier: Finds out what the server has processed.
    @ivar closeReason: The stream error by which the server closed the last stream;
        C{None} if it sent none.
    @ivar observers: Told of each stanza that was written, in this order.
    """

    def __init__(self, domain: str, clock: IReactorTime) -> None:
        self.domain = domain
        self.observers: list[StanzaObserver] = []
        self.iqTracker = IQTracker(domain, clock, self.send, self.sendUnobserved)
        self.barrier = Barrier(
            domain, self.iqTracker.pingSelf, self.iqTracker.request, clock
        )
        self.closeReason: StreamError | None = None
        self._stream: XmlStream | None = None
        self._backpressure = Backpressure()

    @property
    def ready(self) -> bool:
        """C{True} while the stream is up and neither side has ended it."""
        return self._stream is not None

    def open(self, stream: XmlStream) -> None:
        """Write to a stream from now on; the server has accepted its handshake."""
        self._stream = stream
        self.closeReason = None
        self._backpressure.watch(cast(ITransport, stream.transport))
        self.barrier.reset()

    def close(self) -> None:
        """Write nothing more to the stream."""
        self._stream = None
        # A TLS connection with a producer would not close.
        self._backpressure.release()

    def send(self, stanza: Element) -> None:
        """
        Write a stanza to the stream.

        @raise Refusal: 503 without a stream or if the server does not keep up; 413
            or 422 if servers would close the stream for it. Nothing was written then.
        """
        self.write(toXML(stanza))

    def write(self, xml: str) -> None:
        """
        Write a stanza that is serialised already.

        @param xml: The stanza, as L{toXML} writes it.
        @raise Refusal: 503 without a stream or if the server does not keep up; 413
            or 422 if servers would close the stream for it. Nothing was written then.
        """
        self._put(encodeStanza(xml, MAX_STANZA_BYTES))
        for observer in self.observers:
            observer.sent(xml)

    def writeAll(self, stanzas: Sequence[tuple[str, bytes]]) -> None:
        """
        Write stanzas that are encoded already.

        @param stanzas: The text of each, for the observers, and its bytes, as L{encode}
            returns them.
        @raise Refusal: 503 without a stream or if the server does not keep up. Nothing
            was written then.
        """
        self._put(b"".join([data for _, data in stanzas]))
        for observer in self.observers:
            for xml, _ in stanzas:
                observer.sent(xml)

    def sendUnobserved(self, xml: str) -> None:
        """
        Write a short stanza that concerns only the gateway itself; no observer is told.

        @param xml: The stanza, as L{toXML} writes it.
        @raise Refusal: 503 without a stream or if the server does not keep up.
        """
        self._put(xml.encode())

    def _put(self, data: bytes) -> None:
        if self._stream is None:
            raise notConnected()
        if self._backpressure.isOverLimit:
            raise serviceUnavailable(
                "resource-constraint",
                "The XMPP server does not take stanzas as fast as they come; try"
                " again.",
                retryAfter=2,
            )
        self._backpressure.add(len(data))
        self._stream.send(data)

    def encode(self, xml: str, *, isStamped: bool = False) -> bytes:
        """
        Encode a stanza that is written later.

        @param isStamped: Whether it has its delay stamp (XEP-0203), or needs none; else
            room is left for one.
        @return: The bytes that L{writeAll} takes.
        @raise Refusal: 413 or 422 if servers would close the stream for it.
        """
        reserve = 0 if isStamped else DELAY_RESERVE
        return encodeStanza(xml, MAX_STANZA_BYTES - reserve)

    def whenDrained(self) -> Deferred[None]:
        """
        Wait until the transport has taken everything that was written.

        @return: Fires then, or when the stream is lost.
        """
        return self._backpressure.whenDrained()

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """
        Send an iq and wait for its reply, as L{IQTracker.request} does.

        @param timeout: Seconds.
        @raise Refusal: 503 without a stream; 409 if the same iq already waits.
        """
        return self.iqTracker.request(stanza, timeout)
