"""
Measures the file of a store before, during and after a backlog.

C{python -m bench.backlog [MESSAGES [BYTES]]} stores so many messages to send (100,000)
and half as many stanzas for the callback, each of BYTES bytes (2,000), in a new file in
the current directory. Then all of them are completed, and the store is purged as the
gateway does once a minute; in the end the records expire. While the store is purged, a
caller goes on storing messages, and the longest wait for a commit is printed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from xmpprest.core.records import (
    CONFIRMED,
    DELIVERED,
    DeliveryAttempt,
    NewMessage,
)
from xmpprest.store.interface import Store
from xmpprest.store.sqlite import SQLiteStore

TO = "user@example.org"
#: Calls at a time.
GROUP = 500


class Backlog:
    """
    Messages and stanzas that wait in a store.
    """

    def __init__(self, store: Store, size: int) -> None:
        """@param size: Bytes of each."""
        self._store = store
        self._stanza = f"<message><body>{'x' * (size - 32)}</body></message>"
        self._ids = count()
        self._sent: list[int] = []
        self._received: list[int] = []

    async def fill(self, messages: int) -> None:
        """Store messages, and half as many stanzas."""
        for first in range(0, messages, GROUP):
            group = range(first, first + GROUP)
            self._sent += await self.send(len(group))
            self._received += await gatherResults(map(self._receive, group[::2]))

    async def send(self, messages: int = 1) -> Sequence[int]:
        """Store messages to send, and return their numbers."""
        now, ids = time.time(), [f"id{next(self._ids)}" for _ in range(messages)]
        numbers = await self._store.addAllOutgoing(
            [NewMessage(id, TO, self._stanza, now, key=id) for id in ids]
        )
        return [each for each in numbers if isinstance(each, int)]

    def _receive(self, number: int) -> Deferred[int]:
        conversation = f"user{number % 1000}@example.org bot@gateway.example"
        return self._store.addIncoming(
            f"msg_{number}", conversation, self._stanza, time.time()
        )

    async def complete(self) -> None:
        """Confirm all messages, and deliver all stanzas."""
        now = time.time()
        for first in range(0, len(self._sent), GROUP):
            group = self._sent[first : first + GROUP]
            await self._store.updateStates(group, CONFIRMED, now)
        attempt = DeliveryAttempt(now, 204, None)
        for first in range(0, len(self._received), GROUP):
            group = self._received[first : first + GROUP]
            await gatherResults(
                self._store.recordAttempt(each, attempt, DELIVERED, 0.0)
                for each in group
            )


class Measurement:
    """
    Prints the size of the files of a store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def phase(self, name: str, waiting: Awaitable[object]) -> None:
        """Wait, and print the seconds and the sizes of file and write-ahead log."""
        began = time.monotonic()
        await waiting
        file, log = (
            each.stat().st_size / 2**20 if each.exists() else 0.0
            for each in (self._path, self._path.with_name(f"{self._path.name}-wal"))
        )
        print(
            f"{name:32} {time.monotonic() - began:6.1f} s"
            f"   file {file:7.1f} MiB   log {log:5.1f} MiB",
            flush=True,
        )


async def _purgeUnderLoad(
    store: Store, backlog: Backlog, done: float, reactor: Any
) -> None:
    """Purge while messages are stored, and print the longest wait for a commit."""
    purging = store.purge(done, 0.0, 0.0)
    times: list[float] = []
    while not purging.called:
        began = time.monotonic()
        await backlog.send()
        times.append(time.monotonic() - began)
        await deferLater(reactor, 0.001)
    await purging
    if times:
        times.sort()
        median, longest = times[len(times) // 2] * 1000, times[-1] * 1000
        print(
            f"    {len(times):,} commits meanwhile, median {median:.1f} ms, longest"
            f" {longest:.1f} ms"
        )


async def main(reactor: Any, messages: str = "100_000", size: str = "2000") -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as place:
        path = Path(place, "store.db")
        store = SQLiteStore(str(path), reactor)
        measurement, backlog = Measurement(path), Backlog(store, int(size))
        await measurement.phase("new", store.open())
        await measurement.phase("backlog", backlog.fill(int(messages)))
        await measurement.phase("completed", backlog.complete())
        for name, done in (
            ("purged", 0.0),
            ("records expired", time.time() + 1),
            ("purged again", 0.0),
        ):
            purging = _purgeUnderLoad(store, backlog, done, reactor)
            await measurement.phase(name, Deferred.fromCoroutine(purging))
        await measurement.phase("closed", store.close())


if __name__ == "__main__":
    react(main, sys.argv[1:])
