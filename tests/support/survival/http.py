"""
A small client of HTTP, which tells whether a request can have been taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from tests.support.process import LOOPBACK

from ..gateway_process import TOKEN

_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The response to a request.

    @ivar id: The id of the stanza; empty if there is none.
    @ivar location: The path of its status; empty if there is none.
    """

    status: int
    id: str
    location: str
    body: bytes


class NotSent(Exception):
    """
    The request has not reached the gateway: the connection failed.
    """


class InDoubt(Exception):
    """The connection was lost before the answer came."""


class Client:
    """
    One connection to a gateway, made anew when it was lost; one request at a time.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: _Connection | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: str = "",
        headers: Mapping[str, str] = {},
        *,
        authorized: bool = True,
    ) -> Answer:
        """
        Ask, and wait for the answer.

        @param headers: More header fields, and those that differ from the usual ones.
        @param authorized: Whether to send a token.

        @raise NotSent: It may be asked again.
        @raise InDoubt: It may have been done.
        """
        if self._connection is None or self._connection.lost:
            self._connection = await self._connect()
        fields = {
            "Host": "localhost",
            **({"Authorization": f"Bearer {TOKEN}"} if authorized else {}),
            "Content-Type": "application/xmpp+xml",
            "Content-Length": f"{len(body.encode())}",
            **headers,
        }
        lines = [
            f"{method} {path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in fields.items()),
        ]
        try:
            return await self._connection.ask("\r\n".join([*lines, "", body]).encode())
        except ConnectionLost as error:
            raise InDoubt from error

    async def _connect(self) -> _Connection:
        from twisted.internet import reactor

        endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, self._port)
        connection = _Connection()
        try:
            await connectProtocol(endpoint, connection)
        except ConnectError as error:
            raise NotSent from error
        return connection

    async def close(self) -> None:
        """Break the connection, and wait until it is gone."""
        if self._connection is not None:
            await self._connection.abort()


class _Connection(Protocol):
    """
    @ivar lost: There is nobody at the other end.
    """

    def __init__(self) -> None:
        self.lost = False
        self._buffer = b""
        self._waiting: Deferred[Answer] | None = None
        self._gone: Deferred[None] = Deferred()

    def ask(self, request: bytes) -> Deferred[Answer]:
        """Send a request."""
        assert self.transport is not None
        self._waiting = Deferred()
        self.transport.write(request)
        return self._waiting

    async def abort(self) -> None:
        """Break the connection."""
        if not self.lost:
            assert self.transport is not None
            self.transport.abortConnection()  # type: ignore[attr-defined]
            await self._gone

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < (int(length[1]) if length else 0):
            return
        self._buffer = b""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(_answer(head.decode(), body))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(ConnectionLost())
        self._gone.callback(None)


def _answer(head: str, body: bytes) -> Answer:
    status, *lines = head.split("\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    assert "transfer-encoding" not in fields, head
    return Answer(
        int(status.split()[1]),
        fields.get("stanza-id", ""),
        fields.get("location", ""),
        body,
    )
