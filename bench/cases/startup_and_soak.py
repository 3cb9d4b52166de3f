"""Startup time, and a soak test."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench.candidates.candidate import Candidate
from bench.candidates.registry import SLIXMPP, XMPPREST_MEMORY, XMPPREST_SQLITE
from bench.harness.component import HELLO
from bench.harness.process_stats import residentBytes
from bench.load.open_loop import OpenLoopSchedule, openLoop, runSchedule
from bench.reporting.statistics import Measurement, Values, latencies
from bench.testbed import Case, RunOptions, TestBed

#: Seconds of the soak and of each of its pieces; messages per second in each direction.
SOAK, QUICK_SOAK, PIECE = 600, 10, 5
RATE = 100


@dataclass(frozen=True)
class StartupTime:
    """
    Time from the start of the process to the reply to a ping.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        began = time.monotonic()
        contender = await bed.launch(self.who, "fresh")
        assert contender is not None and contender.process is not None
        taken = time.monotonic() - began
        memory = residentBytes(contender.process.pid) / 2**20
        contender.stop()
        return Measurement({"ready": taken, "rss": memory})


@dataclass(frozen=True)
class SoakTest:
    """
    Messages in both directions at a fixed rate for a long time.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.launch(self.who, "fresh")
        assert contender is not None and contender.process is not None
        seconds = QUICK_SOAK if effort.quick else SOAK
        meter = bed.meter(contender)
        series: list[Values] = []
        try:
            for number in range(seconds // PIECE):
                figures = await _piece(bed, contender)
                memory = residentBytes(contender.process.pid) / 2**20
                at = {"at": (number + 1) * PIECE, "rss": memory}
                series.append({**at, **figures})
            taken = meter.each(2 * RATE * seconds)
        finally:
            contender.stop()
        return Measurement({**_summary(series), **taken}, series)


async def _piece(bed: TestBed, contender: Candidate) -> Values:
    """Measure the latency during one piece of the soak."""
    request = contender.message("json", bed.recipient, HELLO)
    assert request is not None
    pacing = OpenLoopSchedule(RATE, RATE * PIECE, asyncio.get_running_loop().time)

    def send(number: int) -> None:
        bed.peer.message(number % 100, contender.domain, id=f"m{number}")

    (times, wrong), _ = await asyncio.gather(
        openLoop(contender.port, request.written, rate=RATE, seconds=PIECE),
        runSchedule(pacing, send, patience=0),
    )
    return {**latencies(times), "refused": wrong}


def _summary(series: list[Values]) -> dict[str, float]:
    """Summarise the soak without its first tenth, during which caches fill."""
    settled = series[len(series) // 10 :]
    last = settled[-1]
    growth = 100 * (last["rss"] / settled[0]["rss"] - 1)
    worst = {
        name: max(each[name] for each in settled) for name in ("p50", "p99", "p99.9")
    }
    refused = sum(each["refused"] for each in series)
    return {"rss": last["rss"], "growth": growth, **worst, "refused": refused}


CASES = (
    Case(
        "start",
        "From the start of the process until a ping comes back",
        {who: StartupTime(who) for who in (XMPPREST_SQLITE, XMPPREST_MEMORY, SLIXMPP)},
        compared="ready",
    ),
    Case(
        "soak",
        f"{RATE} messages a second each way, by {PIECE} s each",
        {XMPPREST_SQLITE: SoakTest(XMPPREST_SQLITE)},
        compared="growth",
        once=True,
    ),
)
