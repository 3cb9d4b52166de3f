"""
Ten thousand requests that wait at once.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.servers.case import ServerMixin
from tests.servers.gateway import TOKEN, XML
from tests.servers.peer import Once
from tests.support.process import LOOPBACK, freePorts
from tests.support.prosody import Prosody

reactor: Any = _reactor

REQUESTS = 10_000
#: Bytes that the gateway's resident memory may grow by.
GROWTH_LIMIT = 200 * 2**20

_ROOT = Path(__file__).resolve().parents[2]


class _Gateway(ProcessProtocol):
    """A gateway in a process of its own, so that its memory is its own."""

    def __init__(self) -> None:
        self.up = Once()
        self.gone = Once()
        self._said = b""

    def outReceived(self, data: bytes) -> None:
        """Collect the log."""
        self._said += data
        if b"connected." in self._said:
            self.up.happen()

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        """Record the end of the process."""
        self.up.happen(Exception(self._said.decode(errors="replace")))
        self.gone.happen()

    @property
    def residentSize(self) -> int:
        """Return the resident memory of the process in bytes."""
        assert self.transport is not None
        pid = self.transport.pid
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


class _Client(Protocol):
    """One connection with one request, and what came back."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._received = b""
        self.answered: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        """Ask."""
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Some of the answer."""
        self._received += data
        if b"</iq>" in self._received or b"/>" in self._received:
            assert self.transport is not None
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """All of it."""
        self.answered.callback(self._received)


class WaitingTests(ServerMixin, TestCase):
    """
    Many long polls.
    """

    kind = Prosody

    async def test_tenThousand(self) -> None:
        """
        10,000 iqs wait at once for less than 200 MB, and each gets its own reply.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertGreater(hard, REQUESTS + 500, "the hard limit of open files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        peer = await self.connect(self.server.peerDomain)
        gateway, port = await self._start()
        before = gateway.residentSize
        clients = []
        endpoint = TCP4ClientEndpoint(reactor, LOOPBACK, port)
        for number in range(REQUESTS):
            client = _Client(_request(number))
            clients.append(client)
            await connectProtocol(endpoint, client)
        arrived = [await peer.expect("<iq", timeout=60) for _ in range(REQUESTS)]
        growth = gateway.residentSize - before
        print(f"{growth / REQUESTS / 1024:.1f} KB per waiting request", end=" ")
        self.assertLess(growth, GROWTH_LIMIT)
        for request in arrived:
            iq = request.element
            peer.send(
                f"<iq type='result' id='{iq.get('id')}' from='{iq.get('to')}'"
                f" to='gateway.localhost'/>"
            )
        for number, client in enumerate(clients):
            answer = await client.answered
            self.assertIn(f"from='u{number}@peer.localhost'".encode(), answer)

    async def _start(self) -> tuple[_Gateway, int]:
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        (port,) = freePorts(1)
        process = _Gateway()
        reactor.spawnProcess(
            process,
            sys.executable,
            [
                *(sys.executable, "-m", "twisted", "--log-format=text", "xmpprest"),
                *("--domain", self.server.componentDomain),
                *("--server", f"tcp:{LOOPBACK}:{self.server.componentPort}"),
                *("--listen", f"tcp:{port}:interface={LOOPBACK}"),
            ],
            env={
                "PYTHONPATH": str(_ROOT),
                "HOME": directory.name,
                "XMPPREST_SECRET": self.server.componentSecret,
                "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            },
            path=directory.name,
        )
        self.addCleanup(self._end, process)
        await process.up.wait(30)
        return process, port

    async def _end(self, process: _Gateway) -> None:
        assert process.transport is not None
        with contextlib.suppress(ProcessExitedAlready):
            process.transport.signalProcess("TERM")
        await process.gone.wait(20)


def _request(number: int) -> bytes:
    body = (
        f"<iq type='get' to='u{number}@peer.localhost'>"
        "<ping xmlns='urn:xmpp:ping'/></iq>"
    )
    return (
        f"POST /rest HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: {XML}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
