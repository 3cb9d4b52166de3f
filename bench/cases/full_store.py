"""The cost of a request when the store holds many rows already."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from bench.candidates.registry import XMPPREST_SQLITE
from bench.reporting.statistics import Measurement
from bench.testbed import Case, Measure, RunOptions, TestBed

from .inbound import InboundLatency
from .post import STEADY, PostLatency

#: Rows before the measurement: half messages, half stanzas for the callback.
ROWS = (0, 10_000, 1_000_000)
#: Row counts that take minutes and gigabytes.
MANY = 100_000


@dataclass(frozen=True)
class FullStoreCase:
    """
    A gateway whose store is filled before the measurement.

    @ivar name: The name of its component and its store.
    @ivar measure: The measurement to make with it.
    """

    rows: int
    name: str
    measure: PostLatency | InboundLatency

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        if effort.quick and self.rows > MANY:
            return None
        path = bed.place / f"{self.name}.db"
        if self.rows and not path.exists():
            filling = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "bench.harness.fill_store",
                    str(path),
                    str(self.rows),
                )
            )
            if await filling.wait():
                raise AssertionError(f"{path} was not filled")
        contender = await bed.contender(XMPPREST_SQLITE, self.name)
        assert contender is not None
        return await self.measure.measure(bed, effort, contender)


def _rows(measure: PostLatency | InboundLatency) -> dict[str, Measure]:
    return {
        f"{rows:,}": FullStoreCase(rows, f"rows{number}", measure)
        for number, rows in enumerate(ROWS)
    }


CASES = (
    Case(
        "rows-post",
        f"POST a message, JSON, at {STEADY} a second, with so many rows there",
        _rows(PostLatency("", "json", STEADY)),
        compared="cpu",
    ),
    Case(
        "rows-callback",
        f"A message to the callback, at {STEADY} a second, with so many rows there",
        _rows(InboundLatency("", STEADY)),
        compared="cpu",
    ),
)
