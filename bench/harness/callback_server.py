"""
A callback in its own process. It answers 204 (to each stanza of a batch, too), counts
stanzas, and measures how late each arrived.

C{python -m bench.harness.callback_server PORT} serves until its standard input ends.
For each line C{count} it prints the number of stanzas so far. For C{times} it prints
the delay in seconds of each message whose body is a due time, and forgets them. For
C{pull PORT} it also fetches the updates of a gateway at that port, and counts them.
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

from tests.support.gateway_process import TOKEN
from tests.support.process import LOOPBACK, freePorts

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
_DUE = re.compile(rb"due=(\d+\.\d+)")
#: Matches the id of each stanza of a batch, with its quotes.
_LINES = re.compile(rb'^{"id": ("[^"]*")', re.MULTILINE)

#: The response to a single stanza.
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
#: The maximum number of updates of one response.
PULL_LIMIT = 100


def dueAt(at: float) -> str:
    """
    Return the body of a message that is due at a time of the system's monotonic clock.
    """
    return f"due={at:.6f}"


class RequestLog:
    """
    A record of the requests received.
    """

    def __init__(self) -> None:
        self.count = 0
        self.times: list[float] = []

    def see(self, request: bytes) -> bytes:
        """Record a complete request and return the response."""
        if not request.startswith(b"POST"):
            return NO_CONTENT
        lines = _LINES.findall(request)
        self.count += len(lines) or 1
        self._note(request)
        return _toBatch(lines) if lines else NO_CONTENT

    def fetched(self, body: bytes) -> None:
        """Record a response with updates."""
        self.count += body.count(b'"attempts":')
        self._note(body)

    def _note(self, text: bytes) -> None:
        now = time.monotonic()
        self.times += [now - float(due) for due in _DUE.findall(text)]

    def answer(self, question: str) -> object:
        """Return the answer to a command of the parent process."""
        if question != "times":
            return self.count
        times, self.times = self.times, []
        return times


def _toBatch(ids: Sequence[bytes]) -> bytes:
    """Return the response to a batch."""
    body = b"".join(b'{"id": %s, "status": 204}\n' % id for id in ids)
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )


class CallbackProtocol(asyncio.Protocol):
    """
    A connection that parses only as much HTTP as the benchmark needs.
    """

    def __init__(self, seen: RequestLog) -> None:
        self._seen = seen
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse requests and write their responses."""
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._data, 0, end)
            end += 4 + (int(found[1]) if found else 0)
            if len(self._data) < end:
                return
            self._transport.write(self._seen.see(self._data[:end]))
            self._data = self._data[end:]


class PullClient:
    """
    Fetches the updates of a gateway, as many as one response may have by default, until
    the gateway ends.
    """

    def __init__(self, port: int, seen: RequestLog) -> None:
        self._port = port
        self._seen = seen

    async def run(self) -> None:
        """Fetch."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self._port)
        after = ""
        try:
            while True:
                line = f"GET /rest/updates?wait=50&limit={PULL_LIMIT}{after} HTTP/1.1"
                login = f"Authorization: Bearer {TOKEN}"
                head = [line, f"Host: {LOOPBACK}", login, "", ""]
                writer.write("\r\n".join(head).encode())
                response = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(response)
                assert length is not None and b" 200 " in response, response
                body = await reader.readexactly(int(length[1]))
                self._seen.fetched(body)
                # The cursor is the last text of the response.
                cursor = body.rsplit(b'"', 2)[1].decode()
                after = f"&after={cursor}"
        except asyncio.IncompleteReadError:
            writer.close()


async def serve(port: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    seen = RequestLog()
    server = await loop.create_server(lambda: CallbackProtocol(seen), LOOPBACK, port)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    pulling: set[asyncio.Task[None]] = set()
    while line := await lines.readline():
        question, _, argument = line.decode().strip().partition(" ")
        if question == "pull":
            pulling.add(asyncio.create_task(PullClient(int(argument), seen).run()))
        print(json.dumps(seen.answer(question)), flush=True)
    server.close()


class CallbackProcess:
    """
    The callback that all candidates share.

    @ivar url: Its URL.
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
        """Return how many stanzas have arrived."""
        found = self._ask("count")
        assert isinstance(found, int)
        return found

    def pull(self, port: int) -> None:
        """Fetch the updates of a gateway from now on."""
        self._ask(f"pull {port}")

    def times(self) -> list[float]:
        """Return the delays of the messages that have arrived since the last call."""
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
        """Stop the process."""
        self._process.communicate(timeout=10)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
