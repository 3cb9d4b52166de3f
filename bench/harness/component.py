"""A component that checks nothing: it sends what it is told, and counts what comes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from hashlib import sha1

from tests.support.process import LOOPBACK, ServerProcess

#: Messages on their way at the same time; ejabberd takes no more without harm.
WINDOW = 512

HELLO = "Hello, is anybody there?"

_ATTRIBUTE = re.compile(rb"(\w+)=['\"]([^'\"]*)['\"]")
_IQ = re.compile(rb"<iq ([^>]*)>")


class LoadComponent:
    """
    A connection to a server as one of its components (XEP-0114).

    @ivar connected: Whether it is.
    @ivar messages: How many have come.
    @ivar onIQ: Is told the attributes of every iq that comes.
    """

    def __init__(self, server: ServerProcess, domain: str) -> None:
        self.domain = domain
        self.connected = False
        self.messages = 0
        self.onIQ: Callable[[dict[bytes, bytes]], None] | None = None
        self._server = server

    async def connect(self) -> None:
        """Connect and authenticate."""
        server = self._server
        self._reader, self._writer = await asyncio.open_connection(
            LOOPBACK, server.componentPort
        )
        self._writer.write(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream="
            b"'http://etherx.jabber.org/streams' to='%s'>" % self.domain.encode()
        )
        await self._reader.readuntil(b"<stream:stream")
        greeting = await self._reader.readuntil(b">")
        found = re.search(rb" id=['\"]([^'\"]*)", greeting)
        assert found is not None
        proof = sha1(found[1] + server.componentSecret.encode()).hexdigest()
        self._writer.write(f"<handshake>{proof}</handshake>".encode())
        await self._reader.readuntil(b"<handshake")
        await self._reader.readuntil(b">")
        self.connected = True
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        rest = b""
        while data := await self._reader.read(2**20):
            whole, found, rest = (rest + data).rpartition(b">")
            self._received(whole + found)

    def _received(self, data: bytes) -> None:
        self.messages += data.count(b"</message>")
        if self.onIQ is not None:
            for attributes in _IQ.findall(data):
                self.onIQ(dict(_ATTRIBUTE.findall(attributes)))

    async def close(self) -> None:
        """Let go of the domain."""
        self.connected = False
        self._writer.close()
        await self._reading

    def write(self, xml: str) -> None:
        """Send some of a stream."""
        self._writer.write(xml.encode())

    async def drain(self) -> None:
        """Wait until the server has taken most of it."""
        await self._writer.drain()

    def message(self, sender: int, to: str, body: str = HELLO, id: str = "") -> None:
        """Send a message from one of many people."""
        self.write(
            f"<message from='p{sender:06}@{self.domain}' to='{to}' type='chat'"
            f" id='{id}'><body>{body}</body></message>"
        )


async def flood(
    seconds: float,
    send: Callable[[int], object],
    arrived: Callable[[], int],
) -> tuple[int, float, int]:
    """
    Send as many messages as get through, L{WINDOW} of them under way at most.

    @param send: Sends one of a number.
    @param arrived: How many have come since the beginning.
    @return: How many have, in how many seconds, and how many were sent.
    """
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while loop.time() < began + seconds:
        room = WINDOW - (sent - arrived())
        if room > WINDOW // 4:
            for number in range(sent, sent + room):
                send(number)
            sent += room
            await asyncio.sleep(0)
        else:
            await asyncio.sleep(0.002)
    return arrived(), loop.time() - began, sent
