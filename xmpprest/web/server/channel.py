"""
A connection of an HTTP/1 client, which is not trusted: the time that a request takes
to arrive, its size and the data that wait are all limited.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol, cast

from twisted.internet.interfaces import IDelayedCall, IProtocol, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from ...core.errors import Problem, Refusal
from ...core.policy.quota import Quota
from .body import BufferedBody, StreamingBody, requestTimeout
from .framing import Framing, LengthFraming, framingOf
from .head import RequestHead, parseHead
from .idle_timeout import LazyTimeoutMixin
from .request import GatewayRequest

#: Seconds that the head and the body of a request may take to arrive.
ARRIVAL_TIMEOUT = 30.0
#: Seconds that an idle connection is kept.
IDLE_TIMEOUT = 60
#: Seconds for which the input is thrown away after a request was refused, so that the
#: client can read the response: closing at once could destroy it (RFC 9112 §9.6).
LINGER_TIMEOUT = 5.0
#: Seconds that a client may take to read the rest of a response, and to close its side
#: of a closed connection; TLS waits for both.
CLOSE_TIMEOUT = 30.0
#: Bytes of pipelined requests that are read ahead.
READ_AHEAD = 2**14

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class State(Enum):
    """
    The states of a connection.

    @cvar IDLE: Nothing of a request has arrived.
    @cvar HEAD: A part of a head has arrived.
    @cvar QUEUED: A pipelined request, or a part of one, waits for its turn.
    @cvar BODY: A request is handled, and its body is not complete.
    @cvar HANDLING: A complete request is handled.
    @cvar REFUSING: The input is thrown away, and the connection will be closed.
    @cvar CLOSING: The connection is closed, or will be once the output is written.
    """

    IDLE = auto()
    HEAD = auto()
    QUEUED = auto()
    BODY = auto()
    HANDLING = auto()
    REFUSING = auto()
    CLOSING = auto()


class Server(Protocol):
    """
    The site of a connection.

    @ivar arriving: The bodies that arrive, to be read as a whole.
    @ivar bodyLimit: The longest body that is read at once, in bytes.
    @ivar reactor: Tells the time.
    @ivar timeOut: How long a connection may be idle, in seconds.
    """

    arriving: Quota[str]
    bodyLimit: int
    reactor: Any  # An IReactorTime, which Twisted's factory does not declare.
    timeOut: int | None

    def refuse(self, request: GatewayRequest, problem: Problem) -> None:
        """Answer a request that cannot be read."""

    def channelOpened(self, channel: GatewayChannel) -> None:
        """Add a connection."""

    def channelClosed(self, channel: GatewayChannel) -> None:
        """Remove a connection."""


class GatewayChannel(LazyTimeoutMixin, HTTPChannel):
    """
    An HTTP/1.1 connection.

    Of L{HTTPChannel} only the writing half is used; its parser is not. A request is
    handled when its head is complete, and reads its body by itself. One request of a
    connection is handled at a time; pipelined ones take turns with other connections,
    and wait while the client does not read its responses.
    """

    site: Server
    requestFactory = GatewayRequest
    requests: list[GatewayRequest]
    persistent: int

    def __init__(self) -> None:
        # Not HTTPChannel's own, which is for its parser.
        self.requests = []
        self.persistent = 1
        self._state = State.IDLE
        self._buffer = b""
        #: Of the body that arrives.
        self._framing: Framing = LengthFraming(0)
        #: Ends the state, if it may not last.
        self._timer: IDelayedCall | None = None
        #: Cuts off a client that does not read.
        self._stall: IDelayedCall | None = None
        #: Whether the client does not read its responses.
        self._isBlocked = False
        #: Whether the body is not read as fast as it arrives.
        self._isBodyFull = False
        self._isReading = True

    # --- input ---

    def dataReceived(self, data: bytes) -> None:
        """Take data from the client, as the state requires."""
        state = self._state
        if state is State.IDLE or state is State.HEAD:
            self._readHead(self._buffer + data)
        elif state is State.BODY:
            self._readBody(data)
        elif state is State.QUEUED or state is State.HANDLING:
            self._buffer += data
            self._updateReading()

    def _readHead(self, data: bytes) -> None:
        """
        Begin with a request if its head is complete.

        @param data: All that has arrived of it.
        """
        try:
            head = parseHead(data)
        except Refusal as refusal:
            self._refuse(refusal.problem)
            return
        if head is not None:
            self._begin(head, data[head.size :])
            return
        self._buffer = data
        if self._state is not State.HEAD:
            self.setTimeout(None)
            self._enter(State.HEAD, ARRIVAL_TIMEOUT, self._tooSlow)

    def _begin(self, head: RequestHead, rest: bytes) -> None:
        """
        Handle a request.

        @param rest: What has arrived behind its head.
        """
        self.persistent = head.isPersistent
        request = self.requestFactory(self)
        self.requests.append(request)
        length = head.length
        if length is not None and length <= min(len(rest), self.site.bodyLimit):
            request.body, self._buffer = BufferedBody(rest[:length]), rest[length:]
            self._enter(State.HANDLING)
        else:
            request.body = StreamingBody(
                self,
                self.site.reactor,
                self.site.arriving,
                length=length,
                timeout=ARRIVAL_TIMEOUT,
                left=self._timeLeft(),
                expectsContinue=head.expectsContinue,
            )
            self._buffer, self._framing = b"", framingOf(length)
            self._enter(State.BODY)
            self._readBody(rest)
        self.setTimeout(None)
        request.handle(head)

    def _readBody(self, data: bytes) -> None:
        """Pass on a part of the body that arrives."""
        body = cast(StreamingBody, self.requests[0].body)
        framing = self._framing
        piece = framing.feed(data)
        if framing.isMalformed:
            self._enter(State.REFUSING)
        elif framing.isComplete:
            self._enter(State.HANDLING)
            self._buffer = framing.rest
        if piece:
            body.add(piece)
        if framing.isMalformed:
            body.failMalformed()
        elif framing.isComplete:
            body.end()

    # --- what bodies need (see L{BodySource<xmpprest.web.server.body.BodySource>}) ---

    def sendContinue(self) -> None:
        """Tell the client to send the body (RFC 9110 §10.1.1)."""
        if not self.requests[0].startedWriting:
            self.write(_CONTINUE)

    def pauseBody(self) -> None:
        """Read no further from the client, because the body is not read."""
        self._isBodyFull = self._state is State.BODY
        self._updateReading()

    def resumeBody(self) -> None:
        """Read from the client again."""
        self._isBodyFull = False
        self._updateReading()

    # --- the end of a request ---

    @property
    def willClose(self) -> bool:
        """Whether the connection is closed after the response."""
        return not self.persistent or self._state is not State.HANDLING

    def requestDone(self, request: GatewayRequest) -> None:
        """Go on to the next request, or close the connection."""
        self.requests.clear()
        self._isBodyFull = False
        if self._state is State.CLOSING:
            return
        if self._state is State.BODY:
            self._enter(State.REFUSING)
        if self._state is State.REFUSING or not self.persistent:
            self.loseConnection()
        else:
            self.setTimeout(self.site.timeOut)
            self._enter(State.QUEUED if self._buffer else State.IDLE)
            self._schedule()
        if not self._isReading:
            self._updateReading()

    def _schedule(self) -> None:
        """
        Give a pipelined request its turn: after the other connections, and not while
        the client does not read its responses.
        """
        if self._state is State.QUEUED and not self._isBlocked:
            self._setTimer(0, self._takeTurn)

    def _takeTurn(self) -> None:
        data, self._buffer = self._buffer, b""
        self._enter(State.IDLE)
        self._readHead(data)
        self._updateReading()

    def _refuse(self, problem: Problem) -> None:
        """Answer a request that cannot be read, and close the connection."""
        self._enter(State.REFUSING)
        self._buffer = b""
        self.persistent = 0
        self.setTimeout(None)
        request = self.requestFactory(self)
        self.requests.append(request)
        self.site.refuse(request, problem)

    def _tooSlow(self) -> None:
        text = f"The head was not complete within {ARRIVAL_TIMEOUT:g} s; send it again."
        self._refuse(requestTimeout(text).problem)

    # --- flow control ---

    def pauseProducing(self) -> None:
        """Note that the client does not read; see L{IPushProducer}."""
        self._isBlocked = True
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()
        self._updateReading()
        if self._stall is None:
            transport = cast(ITCPTransport, self.transport)
            self._stall = self.callLater(CLOSE_TIMEOUT, transport.abortConnection)

    def resumeProducing(self) -> None:
        """Note that the client has read all that was written; see L{IPushProducer}."""
        self._isBlocked = False
        self._endStall()
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        self._updateReading()
        self._schedule()

    def _updateReading(self) -> None:
        """Read from the client, or let it wait."""
        isAhead = len(self._buffer) > READ_AHEAD
        shouldRead = not (self._isBlocked or self._isBodyFull or isAhead)
        if shouldRead == self._isReading:
            return
        self._isReading = shouldRead
        if shouldRead:
            self._networkProducer.resumeProducing()
        else:
            self._networkProducer.pauseProducing()

    # --- the connection ---

    def connectionMade(self) -> None:
        """Register the connection with its site."""
        super().connectionMade()
        self.site.channelOpened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End the request, and forget the connection."""
        self._enter(State.CLOSING)
        self._endStall()
        super().connectionLost(reason)
        self.endTimeout()
        self.site.channelClosed(self)

    def _protocolUpgradeForWebsockets(self, protocol: IProtocol) -> None:
        """
        Hand the connection over to a WebSocket of another program's resource (see
        L{HTTPChannel}), which takes the place of this object's methods.
        """
        super()._protocolUpgradeForWebsockets(protocol)
        lost = self.connectionLost

        def connectionLost(reason: Failure = connectionDone) -> None:
            self.site.channelClosed(self)
            lost(reason)

        self.connectionLost = connectionLost  # type: ignore[method-assign]

    def drain(self) -> None:
        """Close the connection, after the response to a request that is handled."""
        self.persistent = 0
        if self._state in (State.IDLE, State.HEAD, State.QUEUED):
            self.loseConnection()
        elif self._state is State.BODY:
            cast(StreamingBody, self.requests[0].body).stop()

    def loseConnection(self) -> None:
        """
        Close the connection; if a request was refused, after L{LINGER_TIMEOUT} seconds.
        """
        self.setTimeout(None)
        if self._state is State.REFUSING:
            self._setTimer(LINGER_TIMEOUT, self._close)
        else:
            self._close()

    def timeoutConnection(self) -> None:
        """Close an idle connection, without a line in the log."""
        self.loseConnection()

    def seconds(self) -> float:
        """Return the time; see L{LazyTimeoutMixin.seconds}."""
        return float(self.site.reactor.seconds())

    def _close(self) -> None:
        transport = cast(ITCPTransport, self.transport)
        self._enter(State.CLOSING, CLOSE_TIMEOUT, transport.abortConnection)
        super().loseConnection()

    def _endStall(self) -> None:
        if self._stall is not None and self._stall.active():
            self._stall.cancel()
        self._stall = None

    # --- states ---

    def _enter(
        self,
        state: State,
        delay: float = 0,
        act: Callable[[], object] | None = None,
    ) -> None:
        """
        Enter a state.

        @param delay: How long it may last, in seconds.
        @param act: What ends it then; C{None} if it may last for ever.
        """
        self._state = state
        if act is not None or self._timer is not None:
            self._setTimer(delay, act)

    def _setTimer(self, delay: float, act: Callable[[], object] | None) -> None:
        """Set the timer of the current state; C{None} for none."""
        if self._timer is not None:
            if self._timer.active():
                self._timer.cancel()
            self._timer = None
        if act is not None:
            self._timer = self.callLater(delay, act)

    def _timeLeft(self) -> float:
        """Return how many seconds a request may still take to arrive."""
        if self._state is State.HEAD and self._timer is not None:
            return float(self._timer.getTime()) - self.seconds()
        return ARRIVAL_TIMEOUT
