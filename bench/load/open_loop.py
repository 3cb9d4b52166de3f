"""
An open loop: requests are due at fixed times, however slow earlier responses are.

A client that waits for a response before its next request sends fewer requests while
the gateway stands still, and so hides the delay of the requests that it left out
(coordinated omission). Here a request that could not be sent when it was due counts as
waiting from then on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from tests.support.process import LOOPBACK

from ..harness.http import Reader
from ..harness.polling import waitUntil

#: Seconds to wait for the last responses.
PATIENCE = 30.0

Clock = Callable[[], float]


class OpenLoopSchedule:
    """
    The due times of the requests, and the time that each response took.

    @ivar times: Seconds from the due time to the response, for each answered request.
    @ivar due: The due time of the next request; C{None} after the last.
    """

    def __init__(self, rate: float, count: int, clock: Clock) -> None:
        self.times: list[float] = []
        self._rate, self._count, self._clock = rate, count, clock
        self._began = clock()
        self._next = 0

    @property
    def due(self) -> float | None:
        """Return the due time of the next request; C{None} after the last."""
        return self.at(self._next) if self._next < self._count else None

    @property
    def done(self) -> bool:
        """Return whether all requests are answered."""
        return len(self.times) == self._count

    def at(self, number: int) -> float:
        """Return the due time of a request."""
        return self._began + number / self._rate

    def take(self) -> range:
        """
        Return the numbers of the requests that have become due since the last call.
        """
        passed = int((self._clock() - self._began) * self._rate) + 1
        first, self._next = self._next, min(self._count, max(passed, self._next))
        return range(first, self._next)

    def answered(self, number: int) -> None:
        """Record the response to a request."""
        self.times.append(self._clock() - self.at(number))


async def runSchedule(
    pacing: OpenLoopSchedule, send: Callable[[int], None], patience: float = PATIENCE
) -> None:
    """
    Send each request when it is due, and wait until all are answered.

    @param patience: How many seconds to wait for the last response.
    """
    loop = asyncio.get_running_loop()
    while (due := pacing.due) is not None:
        await asyncio.sleep(max(0.0, due - loop.time()))
        for number in pacing.take():
            send(number)
    await waitUntil(lambda: pacing.done, patience)


class Queue:
    """
    Distributes requests over a few connections; requests wait for a free one.

    @ivar answered: Called with the number and the status of each response.
    """

    def __init__(self, answered: Callable[[int, int], None]) -> None:
        self.answered = answered
        self._idle: deque[Callable[[int], None]] = deque()
        self._waiting: deque[int] = deque()

    def free(self, send: Callable[[int], None]) -> None:
        """Give a free connection its next request, now or when there is one."""
        if self._waiting:
            send(self._waiting.popleft())
        else:
            self._idle.append(send)

    def drop(self) -> int:
        """Discard the requests that wait, and return how many there were."""
        count = len(self._waiting)
        self._waiting.clear()
        return count

    def send(self, number: int) -> None:
        """Send a request on a free connection, now or when there is one."""
        if self._idle:
            self._idle.popleft()(number)
        else:
            self._waiting.append(number)


class Connection(asyncio.Protocol):
    """
    A connection that sends one request at a time.
    """

    def __init__(self, queue: Queue, written: Callable[[int], bytes]) -> None:
        self._queue, self._written = queue, written
        self._reader = Reader()
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Report the connection as free."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._queue.free(self._send)

    def _send(self, number: int) -> None:
        self._number = number
        self.transport.write(self._written(number))

    def data_received(self, data: bytes) -> None:
        """Parse a response; report the connection as free once it is complete."""
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
    Send HTTP requests at a fixed rate.

    @param written: Returns the bytes of the request with a number.
    @return: The seconds that each response took, and how many requests failed.
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
