"""
An open loop: requests that are due at fixed times, whatever becomes of those before.

A client that waits for an answer before it asks again asks less often while the
gateway stands still, and so leaves out what others would have waited (coordinated
omission). Here a request that could not be sent when it was due has waited since then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tests.support.process import LOOPBACK

from ..harness.http import Reader
from ..harness.polling import waitUntil

#: Seconds in which the last answers have to come.
PATIENCE = 30.0

Clock = Callable[[], float]


class OpenLoopSchedule:
    """
    Says when the requests of an open loop are due, and how long each has taken.

    @ivar times: How many seconds each that was answered has taken, from when it was
        due.
    @ivar due: When the next one is; C{None} after the last.
    """

    def __init__(self, rate: float, count: int, clock: Clock) -> None:
        self.times: list[float] = []
        self._rate, self._count, self._clock = rate, count, clock
        self._began = clock()
        self._next = 0

    @property
    def due(self) -> float | None:
        """When the next is due."""
        return self.at(self._next) if self._next < self._count else None

    @property
    def done(self) -> bool:
        """Whether all were answered."""
        return len(self.times) == self._count

    def at(self, number: int) -> float:
        """When a request is due, or was."""
        return self._began + number / self._rate

    def take(self) -> range:
        """The numbers of those that are due by now, and were not taken before."""
        passed = int((self._clock() - self._began) * self._rate) + 1
        first, self._next = self._next, min(self._count, max(passed, self._next))
        return range(first, self._next)

    def answered(self, number: int) -> None:
        """An answer has come."""
        self.times.append(self._clock() - self.at(number))


async def runSchedule(
    pacing: OpenLoopSchedule, send: Callable[[int], None], patience: float = PATIENCE
) -> None:
    """
    Send each request when it is due, and wait until all are answered.

    @param patience: How many seconds for the last.
    """
    loop = asyncio.get_running_loop()
    while (due := pacing.due) is not None:
        await asyncio.sleep(max(0.0, due - loop.time()))
        for number in pacing.take():
            send(number)
    await waitUntil(lambda: pacing.done, patience)


class Queue:
    """
    Requests for a few connections: what no connection is free for waits.

    @ivar answered: Is told of each answer: to which request, and its status.
    """

    def __init__(self, answered: Callable[[int, int], None]) -> None:
        self.answered = answered
        self._idle: deque[Callable[[int], None]] = deque()
        self._waiting: deque[int] = deque()

    def free(self, send: Callable[[int], None]) -> None:
        """A connection is: it takes the next request, now or later."""
        if self._waiting:
            send(self._waiting.popleft())
        else:
            self._idle.append(send)

    def drop(self) -> int:
        """Send no more of those that wait; returns how many there were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def send(self, number: int) -> None:
        """Let a connection send a request, now or later."""
        if self._idle:
            self._idle.popleft()(number)
        else:
            self._waiting.append(number)


class Connection(asyncio.Protocol):
    """A connection that sends one request after the other."""

    def __init__(self, queue: Queue, written: Callable[[int], bytes]) -> None:
        self._queue, self._written = queue, written
        self._reader = Reader()
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is free."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._queue.free(self._send)

    def _send(self, number: int) -> None:
        self._number = number
        self.transport.write(self._written(number))

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        status = self._reader.feed(data)
        if status is not None:
            self._queue.answered(self._number, status)
            self._queue.free(self._send)


async def openLoop(
    port: int,
    written: Callable[[int], bytes],
    *,
    rate: float,
    seconds: float,
    connections: int = 16,
) -> tuple[list[float], int]:
    """
    Ask over HTTP at a fixed rate.

    @param written: Makes the request of a number.
    @return: How many seconds each took, and how many were refused or not answered.
    """
    loop = asyncio.get_running_loop()
    wrong = 0

    def answered(number: int, status: int) -> None:
        nonlocal wrong
        wrong += status >= 400
        pacing.answered(number)

    queue = Queue(answered)
    opened = [
        await loop.create_connection(lambda: Connection(queue, written), LOOPBACK, port)
        for _ in range(connections)
    ]
    count = max(1, int(rate * seconds))
    pacing = OpenLoopSchedule(rate, count, loop.time)
    await runSchedule(pacing, queue.send)
    for transport, _ in opened:
        transport.abort()
    return pacing.times, wrong + count - len(pacing.times)
