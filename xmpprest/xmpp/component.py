"""
The component's connection to its XMPP server (XEP-0114): connects, and reconnects.

wokkel's L{Component} on Twisted's L{ClientService}, which decides when to connect. Each
connection goes through the states of L{State}. Unlike wokkel's own, this component
takes any endpoint, logs why a server refuses it, notices a dead connection, pairs the
replies to iqs by id and sender, and never queues a stanza that it cannot write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum, auto
from functools import partial

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.protocols.jabber.component import ConnectComponentAuthenticator
from twisted.words.protocols.jabber.error import StreamError
from twisted.words.protocols.jabber.xmlstream import (
    STREAM_ERROR_EVENT,
    XmlStreamFactory,
)
from twisted.words.xish.domish import Element
from wokkel.component import Component
from wokkel.subprotocols import StreamManager

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG, Refusal, StanzaError
from ..core.policy.callback_response import errorReply
from ..core.stanza import namespaces as ns
from ..core.stanza.build import TYPES, error, isResponse, make, withArticle
from .client_service import ReportingClientService
from .connection_reporter import ADVICE, ConnectionReporter
from .keepalive import Keepalive
from .observer import ConnectionObserver, StanzaObserver, StreamObserver
from .sender import StanzaSender
from .stream import ComponentStream, StanzaStreamParser

_log = Logger()

#: Seconds until the server must have accepted the handshake.
HANDSHAKE_TIMEOUT = 20.0
#: Seconds for the stream to close in good order.
STOP_TIMEOUT = 5.0


class State(Enum):
    """
    The states of the connection.

    @cvar DISCONNECTED: There is none; the client service connects, or is stopped.
    @cvar HANDSHAKING: Connected; the server has not accepted the handshake yet.
    @cvar ONLINE: Stanzas can be sent.
    @cvar CLOSING: One side has ended the stream; the connection is still open.
    """

    DISCONNECTED = auto()
    HANDSHAKING = auto()
    ONLINE = auto()
    CLOSING = auto()


class ComponentService(Component):
    """
    The service that connects the gateway to its XMPP server as a component.

    @ivar sender: Writes to the stream; it is open while the state is L{State.ONLINE}.
    @ivar reporter: Counts the reasons to reconnect.
    @ivar reconnects: How many established streams were lost.
    @ivar state: The state of the connection.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        description: str,
        secret: Callable[[], str],
        clock: IReactorTime,
        *,
        sender: StanzaSender,
        handler: Callable[[Element], None],
        reporter: ConnectionReporter | None = None,
    ) -> None:
        """
        @param endpoint: Where the server listens for components.
        @param description: The endpoint in words, for the log.
        @param secret: Returns the secret that the server has for the component; called
            for each connection.
        @param sender: Writes to the stream; its domain is the component's.
        @param handler: Takes every inbound stanza that answers no iq of the gateway.
        @param reporter: Reports connection problems; C{None} for one that logs them.
        """
        self.sender = sender
        self.reporter = reporter or ConnectionReporter(
            f"{description} ({sender.domain})"
        )
        self.reconnects = 0
        self.state = State.DISCONNECTED
        self._clock = clock
        self._handler = handler
        self._secret = secret
        self._observers: list[ConnectionObserver] = []
        self._keepalive = Keepalive(clock, sender.iqTracker.pingSelf)
        self._authenticator = ConnectComponentAuthenticator(sender.domain, "")
        factory = XmlStreamFactory(self._authenticator)
        factory.protocol = partial(ComponentStream, clock)  # type: ignore[assignment]  # any callable will do
        factory.noisy = False
        factory.addBootstrap(STREAM_ERROR_EVENT, self._streamError)
        # Not Component's own constructor, which takes only a host and a port.
        StreamManager.__init__(self, factory, clock)
        self._client = ReportingClientService(endpoint, factory, self.reporter, clock)
        self._handshakeTimeout: IDelayedCall | None = None
        self._closing: Waiters[None] = Waiters()

    def addObserver(self, observer: StreamObserver) -> None:
        """
        Tell an observer about the stream from now on, after those that were added
        before it.

        @param observer: Told of connections if it has the methods of
            L{ConnectionObserver}, of stanzas if it has those of L{StanzaObserver}.
        """
        if isinstance(observer, ConnectionObserver):
            self._observers.append(observer)
        if isinstance(observer, StanzaObserver):
            self.sender.observers.append(observer)

    @property
    def ready(self) -> bool:
        """C{True} while stanzas can be sent."""
        return self.sender.ready

    @property
    def fault(self) -> str | None:
        """The reason why there is no stream, with advice; C{None} if unknown."""
        return self.reporter.fault

    def send(self, obj: Element) -> None:
        """
        Write a stanza for a wokkel handler; see L{StanzaSender.send}.

        @raise Refusal: 503 or 413; nothing was written, and nothing is queued.
        """
        self.sender.send(obj)

    def startService(self) -> None:
        """Connect, and stay connected."""
        Service.startService(self)
        self._client.startService()

    def stopService(self) -> Deferred[None]:
        """
        Close the stream in good order: the server reads everything before it closes
        the connection. To close the connection at once could lose what is in flight.

        @return: Fires once the connection is closed.
        """
        Service.stopService(self)
        stream = self.xmlstream
        if stream is None:
            return self._client.stopService()
        abort = self._clock.callLater(STOP_TIMEOUT, stream.transport.abortConnection)

        def closed(result: None) -> Deferred[None] | None:
            timers.cancel(abort)
            # Unless it has been started again meanwhile.
            return None if self.running else self._client.stopService()

        if not self._endStream():
            stream.transport.loseConnection()
        return self._closing.wait().addCallback(closed)

    # --- the states of a connection ---

    def _connected(self, xs: ComponentStream) -> None:
        """Enter HANDSHAKING: the server has accepted the connection."""
        self.state = State.HANDSHAKING
        super()._connected(xs)
        self._authenticator.password = self._secret()
        self.reporter.connected()
        self._handshakeTimeout = self._clock.callLater(
            HANDSHAKE_TIMEOUT,
            self._abortHandshake,
            f"the server did not accept the handshake within {HANDSHAKE_TIMEOUT:g} s",
        )

    def _authd(self, xs: ComponentStream) -> None:
        """Enter ONLINE: the server has accepted the handshake."""
        # Not Component's own method, which would let wokkel pair the replies to iqs.
        self.state = State.ONLINE
        self._initialized = True
        self._cancelHandshakeTimeout()
        assert isinstance(xs.stream, StanzaStreamParser)
        xs.stream.ElementEvent = self._stanzaReceived
        xs.stream.OversizedEvent = self._oversizedReceived  # type: ignore[method-assign]
        xs.stream.DocumentEndEvent = self._footerReceived
        self._keepalive.start(xs)
        self.sender.open(xs)
        self.reporter.streamEstablished()
        for observer in self._observers:
            observer.connected()
        for handler in list(self):
            handler.connectionInitialized()

    def _endStream(self) -> bool:
        """
        Leave ONLINE for CLOSING: write the end of the stream, and nothing after it
        (RFC 6120 §4.4).

        @return: Whether the state was ONLINE.
        """
        if self.state is not State.ONLINE:
            return False
        self.state = State.CLOSING
        self._initialized = False
        self.reconnects += self.running
        self.xmlstream.sendFooter()
        self.sender.close()
        for observer in self._observers:
            observer.disconnected()
        return True

    def _disconnected(self, reason: Failure) -> None:
        """Enter DISCONNECTED: the connection is gone, from any state."""
        self._cancelHandshakeTimeout()
        self._endStream()
        self.state = State.DISCONNECTED
        # Before the iqs fail: one of them is the keepalive's own.
        self._keepalive.stop()
        super()._disconnected(reason)
        self.sender.iqTracker.failAll()
        if self.running:
            self.reporter.connectionLost(reason)
        self._closing.release(None)

    def _footerReceived(self) -> None:
        """The server has ended the stream, in answer to us or on its own."""
        self._endStream()
        self.xmlstream.transport.loseConnection()

    def _streamError(self, reason: Failure) -> None:
        """The server has sent a stream error; Twisted closes the connection."""
        if isinstance(reason.value, StreamError):
            self.sender.closeReason = reason.value
        self.reporter.streamError(reason)
        self._endStream()

    def initializationFailed(self, reason: Failure) -> None:
        """The server's stream header is unusable for a handshake."""
        self._abortHandshake(
            f"the handshake cannot be made ({reason.getErrorMessage()}):"
            f" {ADVICE['invalid-namespace']}"
        )

    def _abortHandshake(self, reason: str) -> None:
        self.reporter.handshakeFailed(reason)
        self.xmlstream.transport.abortConnection()

    def _cancelHandshakeTimeout(self) -> None:
        timers.cancel(self._handshakeTimeout)
        self._handshakeTimeout = None

    # --- receiving ---

    def _stanzaReceived(self, stanza: Element) -> None:
        """Handle an inbound element: the outer edge, which logs every exception."""
        try:
            if stanza.uri != ns.CLIENT or stanza.name not in TYPES:
                # An element of the stream itself (RFC 6120 §4.9, §8).
                self.xmlstream.onElement(stanza)
                return
            tracker = self.sender.iqTracker
            if stanza.name != "iq" or not tracker.isLoopback(stanza):
                for observer in self.sender.observers:
                    observer.received(stanza)
            if not tracker.handleReply(stanza):
                self._handler(stanza)
        except Exception:
            _log.failure(
                "The handling of an inbound {kind} crashed; it was not answered. "
                + REPORT_BUG,
                kind=stanza.name,
            )

    def _oversizedReceived(self, stub: Element, fault: str) -> None:
        """
        Refuse a stanza that was too large to read.

        @param stub: The stanza without its children.
        @param fault: Which limit it exceeds.
        """
        if stub.uri != ns.CLIENT or stub.name not in TYPES:
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
            # A request that waits for it must not wait for ever.
            report = error(stub, reason).children
            attributes = {**stub.attributes, "type": "error"}
            self._stanzaReceived(make(stub.name, attributes, report))
        elif stub.name == "iq" or (stub.name == "message" and "/" in (sender or "")):
            # Presence, and archived messages, may be a room's, and an error would
            # remove the gateway from the room; the stub does not show which it is.
            self._answer(errorReply(stub, reason))

    def _answer(self, stanzas: Iterable[Element]) -> None:
        for stanza in stanzas:
            try:
                self.sender.send(stanza)
            except Refusal as refusal:
                _log.warn(
                    "The reply to {to} was lost: {reason}",
                    to=stanza.getAttribute("to"),
                    reason=refusal.problem.text,
                )
