"""
Runs a gateway under a mixed load for an hour, and reports whether it stays the same.

C{python -m bench.soak [--minutes 60]} runs a gateway with a store on Prosody. Clients
send messages, users write to bots, a room of 200 occupants talks with a bot in it, and
hostile users and HTTP clients do what they can. The callback is down for a third of
each cycle of C{--cycle} minutes. Records of completed stanzas are limited to
C{--records}, so that the limit is reached in the first minutes.

Every ten seconds the memory, the file descriptors and the size of the store's files are
read. The median of each cycle is printed; at the end, the first cycle that begins after
five minutes is compared with the last one. The status is 1 if a figure has grown by
more than C{--tolerance} percent, or if a stanza was lost, reordered or renamed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from tests.support.gateway_process import PLAIN_DOMAIN, SurvivalProsody
from tests.support.survival.load import Work, sleep
from tests.support.survival.ordeal import Lane, Ordeal, newSeed

from .harness.hostile_senders import HostileClients, HostileUsers
from .harness.process_stats import residentBytes
from .harness.room import BOT_PAUSE, Room, RoomSender
from .reporting.rst_table import table

#: Seconds between two samples.
INTERVAL = 10.0
#: Minutes before the first cycle that counts.
WARM_UP = 5.0

#: Number of clients, seconds between two messages of each, and of each user.
SENDERS, PAUSE, INBOUND_PAUSE = 4, 0.2, 0.5

#: Seconds for which a conversation may wait at the end, because its attempts failed
#: in each of the last cycles: 15 minutes and a fifth.
PATIENCE = 1080.0

#: The bot in the room.
BOT = "kept-bot"

HEADINGS = ("cycle", "from min", "memory MB", "descriptors", "database MB", "log MB")


@dataclass(frozen=True)
class Sample:
    """
    The resources that a gateway uses at one time.

    @ivar at: Seconds since the start of the load.
    @ivar figures: Memory, descriptors, and the sizes of the database and of its
        write-ahead log; all but the second in bytes.
    """

    at: float
    figures: tuple[float, ...]


def _sample(lane: Lane, began: float) -> Sample:
    pid, place = lane.gateway.pid, lane.gateway.storeDirectory
    return Sample(
        time.monotonic() - began,
        (
            residentBytes(pid),
            len(os.listdir(f"/proc/{pid}/fd")),
            _size(place / "xmpprest.db"),
            _size(place / "xmpprest.db-wal"),
        ),
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def cycles(samples: Sequence[Sample], seconds: float) -> list[tuple[float, ...]]:
    """
    Return the medians of the figures in each complete cycle.

    @param seconds: The length of a cycle.
    """
    found: dict[int, list[tuple[float, ...]]] = {}
    for each in samples:
        found.setdefault(int(each.at / seconds), []).append(each.figures)
    longest = max(map(len, found.values()), default=0)
    return [
        tuple(map(median, zip(*figures, strict=True)))
        for figures in found.values()
        if len(figures) >= longest * 0.8
    ]


def growth(first: Sequence[float], last: Sequence[float]) -> tuple[float, ...]:
    """Return by how many percent each figure has grown."""
    return tuple(
        (after / before - 1) * 100 if before else 0.0
        for before, after in zip(first, last, strict=True)
    )


def _cells(figures: Sequence[float]) -> tuple[str, ...]:
    memory, descriptors, *files = figures
    return (
        f"{memory / 1e6:.1f}",
        f"{descriptors:.0f}",
        *(f"{each / 1e6:.1f}" for each in files),
    )


class Soak:
    """
    The gateway with all of its load.
    """

    def __init__(self, seed: int, occupants: int, records: int) -> None:
        """
        @param occupants: Number of occupants of the room.
        @param records: The limit on records of completed stanzas.
        """
        self.ordeal = Ordeal(
            SurvivalProsody(),
            seed,
            senders=SENDERS,
            pause=PAUSE,
            inboundPause=INBOUND_PAUSE,
            settings={"XMPPREST_RECORD_LIMIT": str(records)},
            patience=PATIENCE,
        )
        self.lane = lane = self.ordeal.lanes[0]
        self._bot = f"{BOT}@{lane.domain}"
        self.room = Room(
            self.ordeal.server,
            PLAIN_DOMAIN,
            occupants,
            self._bot,
            onBot=lane.outbound.see,
            onOccupant=lambda label, id: lane.inbound.promise(label),
        )
        self._working: list[tuple[Work, Deferred[None]]] = []
        self._there: Deferred[None] | None = None

    async def start(self) -> None:
        """Start everything."""
        await self.ordeal.start()
        self._there = Deferred.fromCoroutine(self.room.connect())
        port = self.lane.gateway.port
        await self.room.join(port)
        speaker = RoomSender(
            self._bot, self.room.jid, port, self.lane.outbound, BOT_PAUSE
        )
        self._users = HostileUsers(PLAIN_DOMAIN, self._bot, self.room.write)
        self._clients = HostileClients(port)
        self._work(self.room)
        for each in (speaker, self._users, self._clients):
            self._work(each)

    def _work(self, work: Work) -> None:
        self._working.append((work, Deferred.fromCoroutine(work.run())))

    @property
    def hostile(self) -> int:
        """The number of hostile stanzas and connections."""
        return self._users.sent + self._clients.sent

    async def run(self, minutes: float, cycle: float) -> list[Sample]:
        """
        Let the load run; the callback is down in the middle third of each cycle.

        @param cycle: Minutes.
        """
        began = time.monotonic()
        samples: list[Sample] = []
        while (passed := time.monotonic() - began) < minutes * 60:
            place = passed % (cycle * 60) / (cycle * 60)
            self.ordeal.callback.isDown = 1 / 3 <= place < 2 / 3
            if passed >= len(samples) * INTERVAL:
                samples.append(_sample(self.lane, began))
                self._tell(samples, cycle)
            await sleep(0.5)
        self.ordeal.callback.isDown = False
        return samples

    def _tell(self, samples: Sequence[Sample], cycle: float) -> None:
        last = samples[-1]
        cells = ", ".join(_cells(last.figures))
        down = "down" if self.ordeal.callback.isDown else "up"
        left = len(self.lane.inbound.missing)
        print(
            f"{last.at / 60:.1f} min: {cells}; callback {down}; {left} not delivered",
            file=sys.stderr,
            flush=True,
        )

    async def settle(self) -> None:
        """End the load, and wait until everything has arrived."""
        for work, _ in self._working:
            work.end()
        await gatherResults([done for _, done in self._working])
        self._working = []
        await self.ordeal.settle()

    async def stop(self) -> None:
        """End everything."""
        for work, _ in self._working:
            work.end()
        self.room.close()
        await self.ordeal.stop()
        if self._there is not None:
            await self._there


def report(samples: Sequence[Sample], cycle: float, tolerance: float) -> bool:
    """
    Print the cycles and compare the first with the last.

    @return: Whether no figure has grown by more than the tolerance, in percent.
    """
    found = cycles(samples, cycle * 60)
    rows = [
        (f"{number}", f"{number * cycle:g}", *_cells(figures))
        for number, figures in enumerate(found)
    ]
    print(table([HEADINGS, *rows]))
    counted = [each for n, each in enumerate(found) if n * cycle >= WARM_UP] or found
    grown = growth(counted[0], counted[-1])
    print(
        "\nFrom the first cycle after"
        f" {WARM_UP:g} min to the last: "
        + ", ".join(
            f"{name} {each:+.1f} %"
            for name, each in zip(HEADINGS[2:], grown, strict=True)
        )
    )
    return all(each <= tolerance for each in grown)


async def main(reactor: Any, *arguments: str) -> None:
    """Run the load, and report."""
    parser = argparse.ArgumentParser(prog="bench.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--cycle", type=float, default=3.0, help="in minutes")
    parser.add_argument("--occupants", type=int, default=200)
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--tolerance", type=float, default=10.0, help="in percent")
    parser.add_argument("--seed", type=int, default=newSeed())
    asked = parser.parse_args(arguments)
    if reason := SurvivalProsody.missing():
        raise SystemExit(reason)
    soak = Soak(asked.seed, asked.occupants, asked.records)
    try:
        await soak.start()
        samples = await soak.run(asked.minutes, asked.cycle)
        await soak.settle()
        isFlat = report(samples, asked.cycle, asked.tolerance)
        outbound, inbound = soak.lane.findings()
        turns = sorted(soak.ordeal.turns.seconds) or [0.0]
        print(
            f"{outbound.promised:,} outbound, {inbound.promised:,} inbound,"
            f" {soak.hostile:,} hostile; lost"
            f" {len(outbound.lost) + len(inbound.lost)}, out of order"
            f" {len(outbound.inverted) + len(inbound.inverted)}, twice"
            f" {outbound.doubled + inbound.doubled}; longest turn"
            f" {turns[-1] * 1000:.0f} ms, p99"
            f" {turns[int(len(turns) * 0.99)] * 1000:.0f} ms"
        )
        wrong = soak.lane.wrong()
    finally:
        await soak.stop()
    if wrong:
        print(f"Wrong: {wrong}")
    if wrong or not isFlat:
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
