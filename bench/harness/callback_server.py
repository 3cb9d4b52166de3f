"""
A callback in a process of its own: it answers 204, be it to each stanza of a batch,
counts them, and tells how late each was.

C{python -m bench.callback PORT} serves until its standard input ends. For each line
C{count} it prints how many stanzas have come; for C{times}, how many seconds the
messages took whose body says when they were due, and forgets them.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import IO

from tests.support.process import LOOPBACK, freePorts

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_DUE = re.compile(rb"due=(\d+\.\d+)")
#: The id of each stanza of a batch, with its quotes.
_LINES = re.compile(rb'^{"id": ("[^"]*")', re.MULTILINE)

#: The answer to a stanza alone.
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def dueAt(at: float) -> str:
    """The body of a message that is due at a time of the system's monotonic clock."""
    return f"due={at:.6f}"


class RequestLog:
    """What has come."""

    def __init__(self) -> None:
        self.count = 0
        self.times: list[float] = []

    def see(self, request: bytes) -> bytes:
        """A request, all of it; returns the answer."""
        if not request.startswith(b"POST"):
            return NO_CONTENT
        lines = _LINES.findall(request)
        self.count += len(lines) or 1
        now = time.monotonic()
        self.times += [now - float(due) for due in _DUE.findall(request)]
        return _toBatch(lines) if lines else NO_CONTENT

    def answer(self, question: str) -> object:
        """What the other process wants to know."""
        if question == "count":
            return self.count
        times, self.times = self.times, []
        return times


def _toBatch(ids: Sequence[bytes]) -> bytes:
    """The answer to a batch."""
    body = b"".join(b'{"id": %s, "status": 204}\n' % id for id in ids)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


class CallbackProtocol(asyncio.Protocol):
    """A connection; it reads no more HTTP than it has to."""

    def __init__(self, seen: RequestLog) -> None:
        self._seen = seen
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Some of a request."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._data, 0, end)
            end += 4 + (int(found[1]) if found else 0)
            if len(self._data) < end:
                return
            self._transport.write(self._seen.see(self._data[:end]))
            self._data = self._data[end:]


async def serve(port: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    seen = RequestLog()
    server = await loop.create_server(lambda: CallbackProtocol(seen), LOOPBACK, port)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        print(json.dumps(seen.answer(line.decode().strip())), flush=True)
    server.close()


class CallbackProcess:
    """
    The callback of all contenders.

    @ivar url: Where it is.
    """

    def __init__(self) -> None:
        (port,) = freePorts(1)
        self.url = f"http://{LOOPBACK}:{port}/"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.harness.callback_server", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.count()

    def count(self) -> int:
        """How many stanzas have come."""
        found = self._ask("count")
        assert isinstance(found, int)
        return found

    def times(self) -> list[float]:
        """How late those were that have come since the last time."""
        found = self._ask("times")
        assert isinstance(found, list)
        return found

    def _ask(self, question: str) -> object:
        asking: IO[str] | None = self._process.stdin
        answers: IO[str] | None = self._process.stdout
        assert asking is not None and answers is not None
        asking.write(f"{question}\n")
        asking.flush()
        found: object = json.loads(answers.readline())
        return found

    def stop(self) -> None:
        """End it."""
        self._process.communicate(timeout=10)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
