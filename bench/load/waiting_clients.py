"""
Thousands of waiting clients, in their own process.

C{python -m bench.load.waiting_clients} reads lines of JSON, and prints one line for
each. The first has the port, the number of clients, and a request as the bytes before
and after its number; the clients connect. At the second line they send their requests.
After the third the process waits until all are answered, a minute at most, and prints
the number, status and time of each response.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from functools import partial
from typing import Any

from tests.support.process import LOOPBACK

from ..harness.http import DIGITS, Reader
from ..harness.polling import waitUntil

PATIENCE = 60.0

#: Concurrent connection attempts.
AT_ONCE = 64

Answers = list[tuple[int, int, float]]


class WaitingClient(asyncio.Protocol):
    """
    One connection with one request.
    """

    def __init__(self, number: int, answers: Answers) -> None:
        self._number, self._answers = number, answers
        self._reader = Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Report the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, before: bytes, after: bytes) -> None:
        """Send the request."""
        self._transport.write(before + b"%0*d" % (DIGITS, self._number) + after)

    def data_received(self, data: bytes) -> None:
        """Parse the response."""
        status = self._reader.feed(data)
        if status is not None:
            self._answers.append((self._number, status, time.monotonic()))


async def main() -> None:
    """Run the commands from standard input."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)

    async def told() -> Any:  # JSON
        return json.loads(await lines.readline())

    port, count, (before, after) = await told()
    answers: Answers = []
    waiters = [WaitingClient(number, answers) for number in range(count)]
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(
            *(
                loop.create_connection(partial(_given, each), LOOPBACK, port)
                for each in waiters[first : first + AT_ONCE]
            )
        )
    # Wait until the parent has read the last line.
    await asyncio.sleep(0.5)
    say("connected")
    await told()
    for each in waiters:
        each.ask(before.encode(), after.encode())
    say("asked")
    await told()
    await waitUntil(lambda: len(answers) == count, PATIENCE)
    say(answers)


def _given(waiter: WaitingClient) -> WaitingClient:
    return waiter


def say(what: object) -> None:
    """Print a value as a line of JSON."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
