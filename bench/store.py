"""
Measures the throughput of a store, and the time that each caller waits.

C{python -m bench.store postgresql} compares SQLite with a PostgreSQL of its own, in
turn: rows a second, the processor time of this process for each row, and of PostgreSQL.

C{python -m bench.store [DIRECTORY [ROWS]]} writes rows of 600 bytes to a new file in
that directory (by default the current one, since C{/tmp} may be a memory disk). One
caller, then several, each wait for their commit before the next call. They write
messages, and stanzas that are delivered at the first attempt, which takes two commits.
Then it fills a store with ROWS messages and ROWS stanzas (a million of each by default,
which takes 2 GB and some minutes), nine of ten completed, and times frequent queries.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from tests.support.postgresql import PostgreSQL
from tests.support.stores import addOutgoing
from xmpprest.core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    DeliveryAttempt,
    IdempotencyRecord,
    NewMessage,
)
from xmpprest.store.interface import Store
from xmpprest.store.postgresql import PostgreSQLStore
from xmpprest.store.sqlite import SQLiteStore

#: Bytes of a row.
SIZE = 600

#: Concurrent callers, and the rows that they write in total.
ROUNDS = ((1, 3_000), (16, 30_000), (128, 60_000))

TO = "user@example.org"
STANZA = f"<message><body>{'x' * (SIZE - 80)}</body></message>"

Asking = Callable[[], Awaitable[object]]


class ConnectionCounter:
    """
    Counts commits.
    """

    def __init__(self) -> None:
        self.commits = 0

    def connect(self, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        """Open a file as L{sqlite3.connect} does."""
        counter = self

        class Connection(sqlite3.Connection):
            """
            A connection that counts its commits.
            """

            def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
                counter.commits += sql == "COMMIT"
                return super().execute(sql, *args)

        connection: sqlite3.Connection = sqlite3.connect(
            *args, factory=Connection, **kwargs
        )
        return connection


async def measure(
    ask: Asking, callers: int, total: int
) -> tuple[float, Sequence[float]]:
    """
    Let callers call again and again.

    @return: The seconds that all calls took, and the seconds of each call in ascending
        order.
    """
    times: list[float] = []

    async def caller() -> None:
        for _ in range(total // callers):
            began = time.perf_counter()
            await ask()
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    await gatherResults([Deferred.fromCoroutine(caller()) for _ in range(callers)])
    return time.perf_counter() - began, sorted(times)


async def speed(store: Store, counter: ConnectionCounter) -> None:
    """Print the throughput of a new store."""
    await store.open()
    ids = map(_id, count())

    async def accept() -> None:
        await addOutgoing(store, NewMessage(next(ids), TO, STANZA, time.time()))

    async def deliver() -> None:
        number = await store.addIncoming(next(ids), TO, STANZA, time.time())
        await store.recordAttempt(
            number, DeliveryAttempt(1.0, 204, None), DELIVERED, 0.0
        )

    for ask in (accept, deliver):
        for callers, total in ROUNDS:
            before = counter.commits
            seconds, times = await measure(ask, callers, total)
            print(
                f"{ask.__name__:7} {callers:3} callers"
                f" {len(times) / seconds:8,.0f} rows/s"
                f" {(counter.commits - before) / seconds:8,.0f} commits/s"
                f"   median {_at(times, 0.5):6.2f} ms"
                f"   p99 {_at(times, 0.99):6.2f} ms"
            )
    await store.close()


async def compare(reactor: Any, place: str, repeats: int = 3) -> None:
    """Print the throughput of stores in SQLite and in PostgreSQL, and their cost."""
    server = PostgreSQL()
    try:
        server.start()
        for repeat in range(repeats):
            stores: dict[str, Store] = {
                "SQLite": SQLiteStore(f"{place}/{repeat}.db", reactor),
                "PostgreSQL": PostgreSQLStore(
                    server.url(server.createDatabase()), reactor
                ),
            }
            for name, store in stores.items():
                await store.open()
                for callers, total in ROUNDS:
                    await _cost(name, store, server, callers, total // 3)
                await store.close()
    finally:
        server.stop()


async def _cost(
    name: str, store: Store, server: PostgreSQL, callers: int, total: int
) -> None:
    ids = map(_id, count())

    async def accept() -> None:
        await addOutgoing(store, NewMessage(next(ids), TO, STANZA, time.time()))

    own, other = time.process_time(), server.processorTime()
    seconds, times = await measure(accept, callers, total)
    rows = len(times)
    print(
        f"{name:10} {callers:3} callers {rows / seconds:8,.0f} rows/s"
        f" {(time.process_time() - own) / rows * 1e6:6.1f} µs/row"
        f" {(server.processorTime() - other) / rows * 1e6:6.1f} µs/row of PostgreSQL"
        f"   p99 {_at(times, 0.99):6.2f} ms",
        flush=True,
    )


async def fill(store: Store, rows: int) -> None:
    """Write many messages and stanzas, nine of ten of them completed."""
    for numbers in _chunks(range(1, rows + 1), 1000):
        done = [number for number in numbers if number % 10]
        kept: list[Deferred[Any]] = []  # of this and that
        for number in numbers:
            kept.append(addOutgoing(store, NewMessage(_id(number), TO, STANZA, number)))
            kept.append(store.addIncoming(_id(number), TO, STANZA, number))
        kept.append(store.updateStates(done, CONFIRMED, numbers[0]))
        for number in done:
            state = DELIVERED if number % 2 else DEAD
            attempt = DeliveryAttempt(number, 200, None)
            kept.append(store.recordAttempt(number, attempt, state, 0.0))
        await gatherResults(kept)


async def questions(store: Store, rows: int) -> None:
    """Print the time of each query on a large store."""
    await store.open()
    began = time.perf_counter()
    await fill(store, rows)
    print(f"{rows:,} messages and stanzas kept in {time.perf_counter() - began:.0f} s")
    half = rows // 2
    keys = map(_id, count(rows))
    queued = iter(range(10, rows, 10))
    asked: dict[str, Asking] = {
        "outgoingUsage": store.outgoingUsage,
        "outgoing, 100 in the middle": lambda: store.queuedMessages(half, 100),
        "outgoingByID": lambda: store.outgoingByID(_id(half)),
        "accept": lambda: addOutgoing(store, NewMessage(_id(-1), TO, STANZA, 1.0)),
        "change": lambda: store.updateStates([next(queued)], BOUNCED, 1.0),
        "change 512": lambda: store.updateStates(
            [*islice(queued, 512)], CONFIRMED, 1.0
        ),
        "incomingDepth": lambda: store.incomingDepth(DELIVERED),
        "conversations": lambda: store.conversations("", 100),
        "pending, 100 in the middle": lambda: store.pending(TO, half, 100),
        "incoming, 100 dead": lambda: store.listIncoming(DEAD, half, 100),
        "redeliver 100 by time": lambda: store.requeueDead(None, half, rows, 1.0, 100),
        "begin": lambda: store.beginRequest(
            IdempotencyRecord(next(keys), b"", b"", 1.0)
        ),
    }
    for name, ask in asked.items():
        _, times = await measure(ask, 1, 50)
        print(
            f"{name:30} median {_at(times, 0.5):6.2f} ms"
            f"   longest {_at(times, 1):6.2f} ms"
        )
    forgotten = store.purge(rows * 0.1, 0.0, 0.0)
    began = time.perf_counter()
    _, times = await measure(asked["accept"], 1, 200)
    print(
        f"{'accept while it forgets':30} median {_at(times, 0.5):6.2f} ms"
        f"   longest {_at(times, 1):6.2f} ms"
    )
    await forgotten
    seconds = time.perf_counter() - began
    print(f"forgot {rows * 0.15:,.0f} in {seconds:.1f} s")
    await store.close()


def _chunks(numbers: range, size: int) -> Iterable[range]:
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]


def _id(number: int) -> str:
    """Return an id that is random to an index."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"


def _size(place: Path) -> float:
    """Return the size of all files in MB."""
    return sum(each.stat().st_size for each in place.iterdir()) / 2**20


def _at(times: Sequence[float], share: float) -> float:
    """Return a percentile of some times in milliseconds."""
    return times[min(int(len(times) * share), len(times) - 1)] * 1000


async def main(reactor: Any, directory: str = ".", rows: str = "1_000_000") -> None:
    """Measure and print."""
    if directory == "postgresql":
        with tempfile.TemporaryDirectory(dir=".") as place:
            await compare(reactor, place)
        return
    with tempfile.TemporaryDirectory(dir=directory) as place:
        counter = ConnectionCounter()
        await speed(SQLiteStore(f"{place}/few.db", reactor, counter.connect), counter)
        await questions(SQLiteStore(f"{place}/many.db", reactor), int(rows))
        print(f"{_size(Path(place)):,.0f} MB")


if __name__ == "__main__":
    react(main, sys.argv[1:])
