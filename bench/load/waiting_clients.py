"""
Clients that wait, thousands of them, in a process of their own.

C{python -m bench.waiters} reads lines of JSON. The first has the port, how many there
are, and a request, before its number and after it; it connects them. The second has
them ask. After the third it waits until all are answered, a minute at most, and
prints the number, the status and the time of each answer. It prints a line for each.
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

#: Connections that are made at the same time.
AT_ONCE = 64

Answers = list[tuple[int, int, float]]


class WaitingClient(asyncio.Protocol):
    """One connection, with one request."""

    def __init__(self, number: int, answers: Answers) -> None:
        self._number, self._answers = number, answers
        self._reader = Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, before: bytes, after: bytes) -> None:
        """Send the request."""
        self._transport.write(before + b"%0*d" % (DIGITS, self._number) + after)

    def data_received(self, data: bytes) -> None:
        """Some of the answer."""
        status = self._reader.feed(data)
        if status is not None:
            self._answers.append((self._number, status, time.monotonic()))


async def main() -> None:
    """Do what is asked."""
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
    # Until the other end has taken the last, too.
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
    """Print it."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
