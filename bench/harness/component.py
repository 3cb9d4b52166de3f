"""A component without checks, which sends and counts stanzas."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from hashlib import sha1

from tests.support.process import LOOPBACK, ServerProcess

#: Messages in flight; ejabberd stalls with more.
WINDOW = 512

HELLO = "Hello, is anybody there?"

_ATTRIBUTE = re.compile(rb"(\w+)=['\"]([^'\"]*)['\"]")
_IQ = re.compile(rb"<iq ([^>]*)>")


class LoadComponent:
    """
    A connection to a server as one of its components (XEP-0114).

    @ivar connected: Whether the handshake is complete.
    @ivar messages: How many messages have arrived.
    @ivar onIQ: Called with the attributes of every inbound iq.
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
        """Close the connection."""
        self.connected = False
        self._writer.close()
        await self._reading

    def write(self, xml: str) -> None:
        """Write XML to the stream."""
        self._writer.write(xml.encode())

    async def drain(self) -> None:
        """Wait until the server has read most of what was written."""
        await self._writer.drain()

    def message(self, sender: int, to: str, body: str = HELLO, id: str = "") -> None:
        """Send a message from the sender with a number."""
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
    Send messages as fast as they arrive, with at most L{WINDOW} in flight.

    @param send: Sends the message with a number.
    @param arrived: Returns how many messages have arrived since the start.
    @return: How many arrived, in how many seconds, and how many were sent.
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
