"""
How many messages go through the gateway in a second, with its store and without.

C{python -m bench.throughput [SECONDS [ROUNDS]]} starts Prosody, and beside it gateways
with C{--store memory} and with C{--store sqlite:} in a directory below the current one
(since C{/tmp} may be no disk), in turn, so that what else the machine does hits both.
It lets wrk POST messages over 16 connections for so many seconds (10), and lets a
component send messages to the gateway, for a callback in a process of its own that
answers 204; at most 512 of them under way. The best of so many rounds (3) counts.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from urllib.request import urlopen

from tests.servers.process import LOOPBACK, freePorts
from tests.servers.prosody import Prosody

TOKEN = "dmVyeSBzZWNyZXQgdG9rZW4K"
CONNECTIONS = 16
WINDOW = 512

_LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{{"to": "{to}", "type": "chat", "body": "Hello, is anybody there?"}}'
function done(summary, latency, requests)
    io.write(string.format("p50 %.1f ms, p99 %.1f ms, refused %d\\n",
        latency:percentile(50) / 1000, latency:percentile(99) / 1000,
        summary.errors.status))
end
"""


class Callback(asyncio.Protocol):
    """A callback that answers 204, and counts; it reads no more HTTP than it has to."""

    count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = re.search(rb"(?i)content-length: *(\d+)", self._data[:end])
            end += 4 + (int(found[1]) if found else 0)
            if len(self._data) < end:
                return
            Callback.count += self._data.startswith(b"POST")
            self._data = self._data[end:]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def countCallbacks(port: int) -> None:
    """Serve until standard input ends; print the count for each line of it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Callback, LOOPBACK, port)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(Callback.count, flush=True)
    server.close()


class Sender:
    """A component that sends messages, and throws away what it gets."""

    def __init__(self, server: Prosody) -> None:
        self._server = server

    async def connect(self) -> None:
        """Connect and authenticate."""
        server = self._server
        self._reader, self._writer = await asyncio.open_connection(
            LOOPBACK, server.componentPort
        )
        self._writer.write(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream="
            b"'http://etherx.jabber.org/streams' to='%s'>" % server.peerDomain.encode()
        )
        await self._reader.readuntil(b"<stream:stream")
        greeting = await self._reader.readuntil(b">")
        found = re.search(rb"id=['\"]([^'\"]*)", greeting)
        assert found is not None
        proof = sha1(found[1] + server.componentSecret.encode()).hexdigest()
        self._writer.write(f"<handshake>{proof}</handshake>".encode())
        await self._reader.readuntil(b"<handshake/>")
        self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        while await self._reader.read(65536):
            pass

    async def close(self) -> None:
        """Let go of the domain."""
        self._writer.close()
        await self._draining

    async def send(self, count: int) -> None:
        """Send so many messages, each from another of 100 people."""
        to = self._server.componentDomain
        for number in range(count):
            self._writer.write(
                f"<message from='p{number % 100}@{self._server.peerDomain}' to='{to}'"
                f" type='chat' id='m{number}'><body>Hello, is anybody there?</body>"
                "</message>".encode()
            )
        await self._writer.drain()


class Gateway:
    """
    A gateway in a process of its own.
    """

    def __init__(self, server: Prosody, directory: Path, store: str) -> None:
        self.port, self.callbackPort = freePorts(2)
        self._callback = subprocess.Popen(
            [sys.executable, "-m", "bench.throughput", f"callback={self.callbackPort}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        environ = {
            "XMPPREST_DOMAIN": server.componentDomain,
            "XMPPREST_SECRET": server.componentSecret,
            "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            "XMPPREST_SERVER": f"tcp:{LOOPBACK}:{server.componentPort}",
            "XMPPREST_LISTEN": f"tcp:{self.port}:interface={LOOPBACK}",
            "XMPPREST_CALLBACK_URL": f"http://{LOOPBACK}:{self.callbackPort}/",
            "XMPPREST_STORE": store,
            "PYTHONPATH": str(Path.cwd()),
        }
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "twisted", "xmpprest"],
                cwd=directory,
                env={**os.environ, **environ},
                stdout=log,
                stderr=log,
            )
        self._awaitReady()

    def _awaitReady(self) -> None:
        for _ in range(200):
            try:
                with urlopen(f"http://{LOOPBACK}:{self.port}/readyz") as answer:
                    json.load(answer)
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    def delivered(self) -> int:
        """How many the callback has had."""
        assert self._callback.stdin is not None and self._callback.stdout is not None
        self._callback.stdin.write("\n")
        self._callback.stdin.flush()
        return int(self._callback.stdout.readline())

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._callback.communicate()


@contextmanager
def gateway(server: Prosody, store: str) -> Iterator[Gateway]:
    """A gateway that ends."""
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as directory:
        it = Gateway(server, Path(directory), store)
        try:
            yield it
        finally:
            it.end()


async def sending(it: Gateway, server: Prosody, seconds: float) -> tuple[float, str]:
    """Messages that are accepted in a second, and what else wrk says."""
    recipient = Sender(server)
    await recipient.connect()
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        to = f"somebody@{server.peerDomain}"
        script.write(_LUA.format(token=TOKEN, to=to))
        script.flush()
        wrk = await asyncio.create_subprocess_exec(
            *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}", "-s", script.name),
            f"http://{LOOPBACK}:{it.port}/rest",
            stdout=subprocess.PIPE,
        )
        said = (await wrk.communicate())[0].decode()
    await recipient.close()
    found = re.search(r"Requests/sec: +([0-9.]+)", said)
    assert found is not None
    return float(found[1]), said.splitlines()[-1]


async def receiving(it: Gateway, server: Prosody, seconds: float) -> tuple[float, str]:
    """Messages that the callback gets in a second."""
    sender = Sender(server)
    await sender.connect()
    started, first, sent = time.monotonic(), it.delivered(), 0
    while time.monotonic() < started + seconds:
        room = WINDOW - (sent - (it.delivered() - first))
        if room > WINDOW // 4:
            await sender.send(room)
            sent += room
        else:
            await asyncio.sleep(0.005)
    delivered = it.delivered() - first
    await sender.close()
    return delivered / (time.monotonic() - started), ""


STORES: Mapping[str, str] = {"memory": "memory", "sqlite": "sqlite:store.db"}


def main(seconds: int = 10, rounds: int = 3) -> None:
    """Measure."""
    server = Prosody()
    server.start()
    best: dict[tuple[str, str], float] = {}
    try:
        for _ in range(rounds):
            for name, store in STORES.items():
                with gateway(server, store) as it:
                    for what, (rate, more) in (
                        ("sending", asyncio.run(sending(it, server, seconds))),
                        ("callbacks", asyncio.run(receiving(it, server, seconds))),
                    ):
                        print(f"{what:10} {name:7} {rate:7.0f}/s  {more}", flush=True)
                        best[what, name] = max(best.get((what, name), 0), rate)
    finally:
        server.stop()
    for what in ("sending", "callbacks"):
        memory, sqlite = best[what, "memory"], best[what, "sqlite"]
        print(
            f"{what}: {sqlite:.0f}/s with the store, {memory:.0f}/s without:"
            f" {100 * sqlite / memory:.0f} %"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].startswith("callback="):
        asyncio.run(countCallbacks(int(sys.argv[1].partition("=")[2])))
    else:
        main(*map(int, sys.argv[1:3]))
