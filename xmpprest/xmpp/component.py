"""
The component's connection to its XMPP server (XEP-0114): made, kept, made again.

wokkel's component on Twisted's L{ClientService}, with what wokkel leaves out: it
says why a server refuses it, notices a dead connection, and never queues unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.component import ConnectComponentAuthenticator
from twisted.words.protocols.jabber.xmlstream import (
    STREAM_ERROR_EVENT,
    XmlStreamFactory,
)
from twisted.words.xish.domish import Element
from wokkel.component import Component
from wokkel.subprotocols import StreamManager

from ..core.errors import Refusal, StanzaError, serviceUnavailable
from ..core.policy.callback_response import errorReply
from ..core.stanza import namespaces as ns
from ..core.stanza.build import TYPES, error, isResponse, make, withArticle
from ..core.stanza.serializer import toXML
from .backpressure import Backpressure
from .barrier import Barrier
from .client_service import ReportingClientService
from .connection_reporter import ADVICE, ConnectionReporter
from .encoding import DELAY_RESERVE, MAX_STANZA_BYTES, encodeStanza
from .iq_tracker import IQTracker, notConnected
from .keepalive import Keepalive
from .stream import ComponentStream, StanzaStreamParser

_log = Logger()

#: Seconds until the server must have accepted the handshake.
HANDSHAKE_TIMEOUT = 20.0
#: Seconds for the stream to close in good order.
STOP_TIMEOUT = 5.0


class ComponentService(Component):
    """
    The service that holds the stream.

    @ivar iqTracker: The iqs that wait for their replies.
    @ivar onStanza: Takes every inbound stanza that answers no iq of ours. Set by
        the composition root.
    @ivar onConnected: Called when stanzas can be sent.
    @ivar onDisconnected: Called when they no longer can. Both are set by it, too.
    @ivar onSent: Called with each stanza that has been written, as XML.
    @ivar onReceived: Called with each stanza that has come, before it is dealt with.
        Neither must raise, and both are spared the iqs by which the gateway itself
        finds out, through L{IQTracker.pingSelf}, what the server has taken.
    @ivar barrier: Tells what the server has taken.
    @ivar reporter: Knows how often there was reason to connect anew.
    @ivar reconnects: How often a stream that was up has been lost.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        description: str,
        domain: str,
        secret: str,
        clock: IReactorTime,
        *,
        trouble: ConnectionReporter | None = None,
    ) -> None:
        """
        @param endpoint: Where the server listens for components.
        @param description: The same in words, for the log.
        @param domain: The component domain.
        @param secret: What the server knows it by.
        @param trouble: Hears what is wrong; C{None}, the log does.
        """
        self._authenticator = ConnectComponentAuthenticator(domain, secret)
        factory = XmlStreamFactory(self._authenticator)
        factory.protocol = partial(ComponentStream, clock)  # type: ignore[assignment]  # any callable will do
        factory.noisy = False
        factory.addBootstrap(STREAM_ERROR_EVENT, self._streamError)
        # Not Component's own __init__: it knows nothing but a host and a port.
        StreamManager.__init__(self, factory, clock)
        self._clock = clock
        self.reporter = trouble or ConnectionReporter(f"{description} ({domain})")
        self._client = ReportingClientService(endpoint, factory, self.reporter, clock)
        self._handshake: IDelayedCall | None = None
        self._closing: list[Deferred[None]] = []
        self._pressure = Backpressure()
        self.onStanza: Callable[[Element], None] = lambda stanza: None
        self.onConnected: Callable[[], None] = lambda: None
        self.onDisconnected: Callable[[], None] = lambda: None
        self.onSent: Callable[[str], None] = lambda xml: None
        self.onReceived: Callable[[Element], None] = lambda stanza: None
        self.reconnects = 0
        self.iqTracker = IQTracker(domain, clock, self.send, self._sendUnseen)
        # The first to know that the stream is lost; its ping fails because of it.
        Keepalive(clock, self.iqTracker.pingSelf).setHandlerParent(self)
        self.iqTracker.setHandlerParent(self)
        self.barrier = Barrier(
            domain, self.iqTracker.pingSelf, self.iqTracker.request, clock
        )
        self.barrier.setHandlerParent(self)

    def setSecret(self, secret: str) -> None:
        """Show the server another one, from the next connection on."""
        self._authenticator.password = secret

    @property
    def ready(self) -> bool:
        """Whether stanzas can be sent: the stream is up, and nobody has ended it."""
        return bool(self._initialized)

    def send(self, stanza: Element) -> None:
        """
        Write a stanza to the stream.

        @raise Refusal: 503, there is no stream, or the server does not keep up;
            413, the stanza is longer than servers take. Nothing was written then.
        """
        self.write(toXML(stanza))

    def write(self, xml: str) -> None:
        """
        The same for a stanza as L{toXML} writes it.
        """
        self._put(xml)
        self.onSent(xml)

    def _sendUnseen(self, stanza: Element) -> None:
        """The same for what is of the gateway's own affairs."""
        self._put(toXML(stanza))

    def _put(self, xml: str) -> None:
        if not self._initialized:
            raise notConnected()
        if self._pressure.isOverLimit:
            raise serviceUnavailable(
                "resource-constraint",
                "The XMPP server does not take stanzas as fast as they come; try"
                " again.",
                retryAfter=2,
            )
        data = encodeStanza(xml, MAX_STANZA_BYTES)
        self._pressure.add(len(data))
        self.xmlstream.send(data)

    def checkSize(self, xml: str) -> None:
        """
        Check whether a stanza may be written later, with a stamp that tells when it
        was accepted (XEP-0203).

        @raise Refusal: 413, it is longer than servers take.
        """
        encodeStanza(xml, MAX_STANZA_BYTES - DELAY_RESERVE)

    def whenDrained(self) -> Deferred[None]:
        """Wait until the server has taken what was written, or the stream is gone."""
        return self._pressure.whenDrained()

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """Send an iq and wait; see L{IQTracker.request}."""
        return self.iqTracker.request(stanza, timeout)

    def startService(self) -> None:
        """Connect, and stay connected."""
        # Not Component's own, which would connect in its own way.
        self.running = 1
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """
        Close the stream in good order, so that the server reads all of it: to close
        the connection at once could destroy what is still under way.

        @return: Fires once the connection is closed.
        """
        self.running = 0
        xs = self.xmlstream
        if xs is None:
            return self._client.stopService()
        abort = self._clock.callLater(STOP_TIMEOUT, xs.transport.abortConnection)

        def closed(result: None) -> Deferred[None] | None:
            if abort.active():
                abort.cancel()
            # Unless it has been started again meanwhile.
            return None if self.running else self._client.stopService()

        if not self._endStream():
            xs.transport.loseConnection()
        closing: Deferred[None] = Deferred()
        self._closing.append(closing)
        return closing.addCallback(closed)

    # --- what the stream tells ---

    def _connected(self, xs: ComponentStream) -> None:
        super()._connected(xs)
        self.reporter.connected()
        self._handshake = self._clock.callLater(HANDSHAKE_TIMEOUT, self._noHandshake)

    def _noHandshake(self) -> None:
        self.reporter.handshakeFailed(
            f"the server did not accept the handshake within {HANDSHAKE_TIMEOUT:g} s"
        )
        self.xmlstream.transport.abortConnection()

    def _authd(self, xs: ComponentStream) -> None:
        # Not Component's own: it would send what was queued, and patch send.
        self._endHandshake()
        self._initialized = True
        self.reporter.streamEstablished()
        assert isinstance(xs.stream, StanzaStreamParser)
        xs.stream.ElementEvent = self._stanzaReceived
        xs.stream.OversizedEvent = self._oversizedReceived  # type: ignore[method-assign]
        xs.stream.DocumentEndEvent = self._footerReceived
        self._pressure.watch(cast(ITCPTransport, xs.transport))
        for handler in list(self):
            handler.connectionInitialized()
        self.onConnected()

    def _footerReceived(self) -> None:
        self._endStream()
        self.xmlstream.transport.loseConnection()

    def _streamError(self, reason: Failure) -> None:
        self.reporter.streamError(reason)
        self._endStream()

    def _endStream(self) -> bool:
        """
        Write the end of the stream, and nothing after it (RFC 6120 §4.4).

        @return: Whether there was a stream to end.
        """
        if not self._initialized:
            return False
        self._initialized = False
        self.reconnects += self.running
        self.xmlstream.sendFooter()
        # A TLS connection with a producer would not close.
        self._pressure.release()
        self.onDisconnected()
        return True

    def _disconnected(self, reason: Failure) -> None:
        self._endHandshake()
        self._endStream()
        super()._disconnected(reason)
        if self.running:
            self.reporter.connectionLost(reason)
        closing, self._closing = self._closing, []
        for waiter in closing:
            waiter.callback(None)

    def _endHandshake(self) -> None:
        if self._handshake is not None and self._handshake.active():
            self._handshake.cancel()
        self._handshake = None

    def initializationFailed(self, reason: Failure) -> None:
        """The handshake could not be made; the connection is of no use."""
        self.reporter.handshakeFailed(
            f"the handshake cannot be made ({reason.getErrorMessage()}):"
            f" {ADVICE['invalid-namespace']}"
        )
        self.xmlstream.transport.abortConnection()

    # --- receiving ---

    def _stanzaReceived(self, stanza: Element) -> None:
        """The outer edge of all that is done for an inbound stanza."""
        try:
            if not _isStanza(stanza):
                self.xmlstream.onElement(stanza)
                return
            if not self.iqTracker.isLoopback(stanza):
                self.onReceived(stanza)
            if not self.iqTracker.handleReply(stanza):
                self.onStanza(stanza)
        except Exception:
            _log.failure("An inbound {kind} could not be handled.", kind=stanza.name)

    def _oversizedReceived(self, stub: Element, fault: str) -> None:
        if not _isStanza(stub):
            return
        sender = stub.getAttribute("from")
        _log.warn(
            "Refused {stanza} from {sender}: {fault}.",
            stanza=withArticle(stub.name),
            sender=sender,
            fault=fault,
        )
        reason = StanzaError("modify", "policy-violation", f"Refused: {fault}.")
        if isResponse(stub):
            # Whoever waits for it must not wait for ever.
            report = error(stub, reason).children
            attributes = {**stub.attributes, "type": "error"}
            self._stanzaReceived(make(stub.name, attributes, report))
        elif stub.name == "iq" or (stub.name == "message" and "/" in (sender or "")):
            # Presence, and what an archive holds, may be a room's, which an error
            # would make us leave; and the stub does not show it.
            self._answer(errorReply(stub, reason))

    def _answer(self, stanzas: Iterable[Element]) -> None:
        for stanza in stanzas:
            try:
                self.send(stanza)
            except Refusal as refusal:
                _log.warn(
                    "The answer to {to} is lost: {reason}",
                    to=stanza.getAttribute("to"),
                    reason=refusal.problem.text,
                )


def _isStanza(element: Element) -> bool:
    """Whether it is a stanza, rather than the stream's own (RFC 6120 §4.9, §8)."""
    return element.uri == ns.CLIENT and element.name in TYPES
