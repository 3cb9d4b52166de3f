"""
Stand-ins, in memory, for what the gateway talks to: the test holds the other end.

Nothing here decides anything by itself. A connection closes, a server answers, a
request gets its reply when the test says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure
from twisted.web.server import Site
from twisted.words.xish.domish import Element, elementStream
from zope.interface import implementer

from xmpprest.core.errors import Problem, Refusal, serviceUnavailable
from xmpprest.core.live import Live, LiveSettings
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    IdempotencyRecord,
    Outcome,
)
from xmpprest.core.stanza.parser import parseDocument

#: The component domain of all tests.
DOMAIN = "gateway.example"

NS_STREAMS = "http://etherx.jabber.org/streams"
NS_COMPONENT = "jabber:component:accept"
NS_STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams"


def stanza(xml: str) -> Element:
    """A stanza as the gateway has it, from XML."""
    return parseDocument(xml.encode())


def live(**settings: Any) -> Live[LiveSettings]:
    """A cell with the settings that a test gives, and others that limit nothing."""
    defaults: dict[str, Any] = {
        "secret": "hush",
        "name": "xmpprest",
        "features": (),
        "corsOrigin": (),
        "roomsAccept": (),
        "logsRequests": False,
        "stanzaSizeLimit": 2**30,
        "hookSizeLimit": 2**30,
        "uploadService": "upload.example.org",
        "uploadSizeLimit": 2**30,
        "connectionLimit": 2**30,
        "waitingLimit": 2**30,
        "iqTimeout": 120.0,
        "iqMaxTimeout": 300.0,
        "outboxLimit": 2**30,
        "outboxSize": 2**40,
        "outboxAge": 3600.0,
        "inboxLimit": 2**30,
        "inboxSize": 2**40,
        "replyLimit": 2**30,
        "recordDays": 7.0,
        "recordLimit": 2**30,
        "deadDays": 30.0,
    }
    return Live(LiveSettings(**{**defaults, **settings}))


def said(events: Sequence[LogEvent]) -> list[str]:
    """Return the lines of the log for captured events."""
    return [str(formatEvent(event)) for event in events]


class HeldTransport(StringTransport):
    """
    A transport that keeps what is written, and closes when the test says so: a real
    one, too, closes only later.

    @ivar disconnecting: Whether somebody wants to close it.
    @ivar disconnected: Whether somebody has aborted it.
    @ivar highWater: How many bytes may wait to be read before the producer is told to
        pause, as Twisted's transports do; C{None} if the test does that.
    """

    highWater: int | None = None

    def __init__(self) -> None:
        super().__init__(lenient=True)

    def write(self, data: bytes) -> None:
        """Keep what is written."""
        super().write(data)
        if self.highWater is not None and len(self.value()) > self.highWater:
            self.fill()

    def taken(self) -> bytes:
        """Return the bytes written since the last call."""
        data: bytes = self.value()
        self.clear()
        return data

    def fill(self) -> None:
        """Tell the producer that the other side does not keep up."""
        assert self.producer is not None
        self.producer.pauseProducing()

    def drain(self) -> None:
        """Tell the producer that the other side has caught up."""
        assert self.producer is not None
        self.producer.resumeProducing()


@dataclass
class _Attempt:
    factory: IProtocolFactory
    connected: Deferred[IProtocol]


@implementer(IStreamClientEndpoint)
class HeldEndpoint:
    """
    A client endpoint; the test says what becomes of each attempt to connect.

    @ivar attempts: Those that nobody has decided yet.
    @ivar count: How many there have been.
    """

    def __init__(self) -> None:
        self.attempts: list[_Attempt] = []
        self.count = 0

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Record an attempt to connect."""
        self.count += 1
        attempt = _Attempt(factory, Deferred(lambda _: self.attempts.remove(attempt)))
        self.attempts.append(attempt)
        return attempt.connected

    def accept(self) -> HeldServer:
        """Let the attempt succeed."""
        attempt = self.attempts.pop()
        # A component's factory makes a protocol for any address.
        protocol = attempt.factory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        server = HeldServer(protocol)
        attempt.connected.callback(protocol)
        return server

    def refuse(self, reason: Exception) -> None:
        """Let the attempt fail."""
        self.attempts.pop().connected.errback(Failure(reason))


class HeldServer:
    """
    The XMPP server's end of one component stream.

    @ivar written: All that the component has ever written, as far as it was looked
        at.
    """

    def __init__(self, protocol: IProtocol) -> None:
        self.transport = HeldTransport()
        self.written = b""
        self._protocol = protocol
        self._read: list[Element] = []
        # Twisted's own parser, for a second opinion on what is written.
        self._parser = elementStream()
        self._parser.DocumentStartEvent = lambda root: None
        self._parser.ElementEvent = self._read.append
        self._parser.DocumentEndEvent = lambda: None
        protocol.makeConnection(self.transport)

    def send(self, data: str | bytes) -> None:
        """Write to the component."""
        self._protocol.dataReceived(data.encode() if isinstance(data, str) else data)

    def open(self, attributes: str = "id='3BF96D32'") -> None:
        """Open the stream (XEP-0114 §3, example 2)."""
        self.send(
            f"<?xml version='1.0'?><stream:stream xmlns='{NS_COMPONENT}'"
            f" xmlns:stream='{NS_STREAMS}' from='{DOMAIN}' {attributes}>"
        )

    def accept(self) -> None:
        """Open the stream and accept whatever the handshake was."""
        self.open()
        self.send("<handshake/>")
        self.stanzas()

    def fail(self, condition: str, text: str = "") -> None:
        """Close the stream with an error (RFC 6120 §4.9), and the connection."""
        words = f"<text xmlns='{NS_STREAM_ERRORS}'>{text}</text>" if text else ""
        self.send(
            f"<stream:error><{condition} xmlns='{NS_STREAM_ERRORS}'/>{words}"
            "</stream:error></stream:stream>"
        )
        self.lose()

    def stanzas(self) -> list[Element]:
        """
        Return the stanzas that the component has sent since the last call; the
        handshake is
        one.
        """
        data = self.transport.taken()
        self.written += data
        self._parser.parse(data)
        stanzas = list(self._read)
        self._read.clear()
        return stanzas

    def stanza(self) -> Element:
        """The one stanza that the component has sent since the last time."""
        (only,) = self.stanzas()
        return only

    def lose(self, reason: Exception | None = None) -> None:
        """The connection is gone."""
        self._protocol.connectionLost(Failure(reason or ConnectionDone()))


@dataclass
class HTTPResponse:
    """
    A response that a client has received.

    @ivar headers: Name, in lower case, and value, in their order.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header field."""
        return [value for key, value in self.headers if key == name.lower()]

    def __getitem__(self, name: str) -> str:
        """The only value of a header field."""
        (only,) = self.all(name)
        return only


class HTTPClient:
    """
    A client of a site, with nothing between it and the bytes.
    """

    def __init__(self, site: Site) -> None:
        protocol = site.buildProtocol(None)
        assert protocol is not None
        self.protocol = protocol
        self.transport = HeldTransport()
        protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        """Write to the site."""
        self.protocol.dataReceived(data)

    def responses(self) -> list[HTTPResponse]:
        """The answers that have come since the last time, all of them complete."""
        data, found = self.transport.taken(), []
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [ -~]+", first)
            assert match is not None, first
            headers = []
            for line in lines:
                name, _, value = line.partition(": ")
                headers.append((name.lower(), value))
            response = HTTPResponse(int(match[1]), headers, b"")
            if response.all("Transfer-Encoding") == ["chunked"]:
                response.body, data = _unchunked(data)
            elif response.status >= 200 and response.status != 204:
                length = int(response["Content-Length"])
                response.body, data = data[:length], data[length:]
                assert len(response.body) == length, "the body is cut off"
            found.append(response)
        return found

    def response(self) -> HTTPResponse:
        """The one answer that has come since the last time."""
        (only,) = self.responses()
        return only

    def leave(self) -> None:
        """Close the connection."""
        self.protocol.connectionLost(Failure(ConnectionDone()))


def _unchunked(data: bytes) -> tuple[bytes, bytes]:
    """The body that comes in chunks, and what is behind it."""
    body = b""
    while True:
        length, _, data = data.partition(b"\r\n")
        size = int(length, 16)
        assert data[size : size + 2] == b"\r\n", "the body is cut off"
        body, data = body + data[:size], data[size + 2 :]
        if not size:
            return body, data


@dataclass
class HeldKeys:
    """
    Keeps idempotency keys.

    @ivar kept: By key.
    @ivar problem: What every call fails with instead, if anything.
    """

    kept: dict[str, IdempotencyRecord] = field(default_factory=dict)
    problem: Exception | None = None

    async def beginRequest(
        self, request: IdempotencyRecord
    ) -> IdempotencyRecord | None:
        """Keep a key, or return what there is."""
        self._mayFail()
        earlier = self.kept.get(request.key)
        self.kept.setdefault(request.key, request)
        return earlier

    async def requestByKey(self, key: str) -> IdempotencyRecord | None:
        """Return what is kept under a key."""
        self._mayFail()
        return self.kept.get(key)

    async def finishRequest(self, key: str, answer: bytes | None) -> None:
        """Keep an answer, or forget the key."""
        self._mayFail()
        request = self.kept.pop(key)
        if answer is not None:
            self.kept[key] = replace(request, answer=answer)

    def _mayFail(self) -> None:
        if self.problem is not None:
            raise self.problem


@dataclass
class HeldOutcome:
    """A message whose outcome somebody waits for."""

    number: int
    timeout: float
    outcome: Deferred[Any]


@dataclass
class HeldOutbox:
    """
    A way out that holds what is sent.

    @ivar keys: Where the answers are that are kept with messages.
    @ivar isKeeping: Whether messages are kept.
    @ivar sent: Messages and presence.
    @ivar outcomes: Those that are waited for.
    @ivar problem: What is raised instead, if anything.
    @ivar committing: What messages wait for before they are stored, if anything.
    @ivar keysGiven: The key and the token of each message.
    @ivar full: What who has more waits for, if anything.
    @ivar together: How many messages each call of L{enqueueAll} has taken.
    @ivar checked: How many further messages each call of L{check} was asked for.
    """

    keys: HeldKeys = field(default_factory=HeldKeys)
    isKeeping: bool = False
    sent: list[Element] = field(default_factory=list)
    outcomes: list[HeldOutcome] = field(default_factory=list)
    problem: Exception | None = None
    committing: Deferred[None] | None = None
    full: Deferred[None] | None = None
    keysGiven: list[tuple[str, str]] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)

    def isDurable(self, stanza: Element) -> bool:
        """Whether a stanza is kept."""
        return self.isKeeping and stanza.name == "message"

    def send(self, stanza: Element) -> None:
        """Take a stanza that is not stored."""
        if self.problem is not None:
            raise self.problem
        self.sent.append(stanza)

    def enqueue(
        self,
        stanza: Element,
        done: Callable[[int | IdempotencyRecord | Exception], object],
        *,
        key: str = "",
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """Take a message; it is stored at once, or when the test says so."""
        self.keysGiven.append((key, token))
        if isinstance(self.problem, Refusal):
            raise self.problem
        if self.committing is None:
            done(self._store(stanza, idempotency))
        else:
            self.committing.addCallback(
                lambda _: done(self._store(stanza, idempotency))
            )

    def enqueueAll(
        self,
        stanzas: Sequence[Element],
        done: Callable[[Sequence[int | IdempotencyRecord | Exception]], object],
        *,
        keys: Sequence[str],
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """Take messages; they are stored at once, or when the test says so."""
        self.together.append(len(stanzas))
        self.keysGiven += [(key, token) for key in keys]
        if isinstance(self.problem, Refusal):
            raise self.problem
        committing = self.committing or succeed(None)
        committing.addCallback(
            lambda _: done(
                [
                    self._store(each, None if index else idempotency)
                    for index, each in enumerate(stanzas)
                ]
            )
        )

    def check(self, stanza: Element, token: str, count: int, size: int) -> None:
        """Refuse a message and further ones, if the test has it so."""
        self.checked.append(count)
        if self.full is not None:
            raise serviceUnavailable("resource-constraint", "The outbox is full.", 30)

    def _store(
        self, stanza: Element, idempotency: IdempotencyRecord | None
    ) -> int | IdempotencyRecord | Exception:
        if self.problem is not None:
            return self.problem
        if idempotency is not None:
            if self.keys.problem is not None:
                return self.keys.problem
            if idempotency.key in self.keys.kept:
                return self.keys.kept[idempotency.key]
            self.keys.kept[idempotency.key] = idempotency
        self.sent.append(stanza)
        return len(self.sent)

    def whenBelowHighWater(self) -> Deferred[None]:
        """Wait, if the test has it so."""
        return self.full or succeed(None)

    def waitForOutcome(self, number: int, timeout: float) -> Deferred[Outcome]:
        """
        Leave it to the test what becomes of a message: C{None}, it is confirmed; an
        error stanza, it bounces; or any other outcome.
        """
        held = HeldOutcome(number, timeout, Deferred())
        self.outcomes.append(held)
        return held.outcome.addCallback(_outcome)


def _outcome(result: Element | Outcome | None) -> Outcome:
    if isinstance(result, Outcome):
        return result
    return Outcome(CONFIRMED) if result is None else Outcome(BOUNCED, result)


@dataclass
class HeldRequest:
    """An iq that waits for the test to answer it."""

    stanza: Element
    timeout: float
    reply: Deferred[Element]
    cancelled: bool = False


@dataclass
class HeldRequester:
    """
    Takes iqs, and leaves it to the test what becomes of them.

    @ivar problem: What is raised at once instead, if anything.
    @ivar limit: How long a stanza may be.
    """

    requests: list[HeldRequest] = field(default_factory=list)
    problem: Exception | None = None
    limit: int = 2**30

    def encode(self, xml: str) -> bytes:
        """Refuse a stanza that is longer than the limit."""
        if len(xml) > self.limit:
            raise Refusal(Problem(413, "modify", "resource-constraint", "Too long."))
        return xml.encode()

    def request(self, stanza: Element, timeout: float) -> Deferred[list[Element]]:
        """Keep an iq; its reply may be a stanza, or a list of them."""
        if self.problem is not None:
            raise self.problem

        def cancel(reply: Deferred[Element]) -> None:
            request.cancelled = True
            reply.errback(Failure(CancelledError()))

        request = HeldRequest(stanza, timeout, Deferred(cancel))
        self.requests.append(request)
        return request.reply.addCallback(
            lambda reply: reply if isinstance(reply, list) else [reply]
        )
