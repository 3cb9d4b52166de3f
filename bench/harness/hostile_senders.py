"""Senders that do what they can to exhaust a gateway, on XMPP and on HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count, cycle
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.gateway_process import TOKEN
from tests.support.hostile import accepted, refused
from tests.support.process import LOOPBACK
from tests.support.survival.load import sleep

reactor: Any = _reactor

#: Seconds between two attempts.
PAUSE = 0.5

#: Seconds for which a connection stays open without a complete request.
TRICKLE = 20.0

#: Number of requests that are sent at once, and whose responses are not read.
PIPELINED = 300


def hostileStanzas(domain: str, to: str) -> Iterator[str]:
    """
    Yield stanzas without end.

    @param domain: The domain of their senders.
    @param to: A bare JID of the gateway.
    """
    for number in count():
        sender = f"h{number}@{domain}/{'r' * 900}"
        origin = f"from='{sender}' to='{to}' id='h{number}'"
        yield f"<presence {origin}>{'<a/>' * 16_000}</presence>"
        yield f"<presence {origin}>{'<a/>' * 4_000}</presence>"
        yield f"<presence {origin} type='subscribe'/>"
        yield f"<presence {origin} type='probe'/>"
        yield f"<message {origin}><subject>{'&#10;' * 60_000}</subject></message>"
        yield f"<message {origin}>{'<a>' * 60}{'</a>' * 60}</message>"
        yield (
            f"<message {origin} type='chat'><body>&#x1F600;</body>"
            "<request xmlns='urn:xmpp:receipts'/></message>"
        )
        yield f"<message {origin} type='error'/>"
        yield f"<message {origin}><received xmlns='urn:xmpp:receipts'/></message>"
        yield f"<iq {origin} type='get'><query xmlns='urn:unknown:{number}'/></iq>"
        yield f"<iq {origin} type='set'><query xmlns='jabber:iq:version'/></iq>"
        yield f"<iq {origin} type='result'/>"
        yield f"<iq {origin} type='error'/>"


class HostileUsers:
    """
    Users of one domain that send hostile stanzas to a bot.

    @ivar sent: Number of stanzas.
    """

    def __init__(self, domain: str, to: str, write: Callable[[str], bool]) -> None:
        """@param write: Sends a stanza; returns whether there is a connection."""
        self.sent = 0
        self._stanzas = hostileStanzas(domain, to)
        self._write = write
        self._isEnded = False

    def end(self) -> None:
        """Send no more."""
        self._isEnded = True

    async def run(self) -> None:
        """Send until it is ended."""
        self._isEnded = False
        while not self._isEnded:
            self.sent += self._write(next(self._stanzas))
            await sleep(PAUSE)


class HostileClients:
    """
    HTTP clients, each with a connection of its own.

    @ivar sent: Number of connections.
    """

    def __init__(self, port: int) -> None:
        """@param port: The port of the gateway."""
        self.sent = 0
        self._port = port
        self._isEnded = False
        bodies = [each.body for each in (*refused(), *accepted())]
        self._attacks = cycle([*map(_request, bodies), *_others()])

    def end(self) -> None:
        """Connect no more."""
        self._isEnded = True

    async def run(self) -> None:
        """Attack until it is ended."""
        self._isEnded = False
        while not self._isEnded:
            endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, self._port)
            try:
                await connectProtocol(endpoint, _Attack(next(self._attacks)))
                self.sent += 1
            except ConnectError:
                pass
            await sleep(PAUSE)


def _request(body: bytes, token: str = TOKEN, path: str = "/rest") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/xmpp+xml\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _others() -> Iterator[bytes]:
    """Yield what needs no body."""
    ping = b"<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    query = b"<iq type='get' to='none@localhost'><query xmlns='urn:x'/></iq>"
    yield _request(b"<message", "wrong")
    yield _request(ping) * PIPELINED
    yield _request(query)
    yield _request(ping, path="/rest/echo") * PIPELINED
    yield _request(b"x" * 1000)[:-900]
    yield b"POST /rest HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000
    yield b"GET /rest/events HTTP/1.1\r\nHost: localhost\r\n"
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256))
    yield b"POST /rest HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"


class _Attack(Protocol):
    """
    A connection that sends something, reads nothing, and goes away after a while.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.pauseProducing()  # type: ignore[attr-defined]
        self.transport.write(self._data)
        self._end = reactor.callLater(TRICKLE, self._leave)

    def _leave(self) -> None:
        assert self.transport is not None
        self.transport.abortConnection()  # type: ignore[attr-defined]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._end.active():
            self._end.cancel()
