"""What it costs to have much in the store."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from bench.bed import Bed, Case, Effort, Measure
from bench.contenders.entrants import KEPT
from bench.figures import Outcome

from .inbound import LateDelivery
from .posting import STEADY, Late

#: In the store before; half are messages, half stanzas for the callback.
ROWS = (0, 10_000, 1_000_000)
#: What takes minutes, and gigabytes.
MANY = 100_000


@dataclass(frozen=True)
class Filled:
    """
    A gateway with a store that has much to keep.

    @ivar name: Of its component, and its store.
    @ivar measure: What is measured of it.
    """

    rows: int
    name: str
    measure: Late | LateDelivery

    async def __call__(self, bed: Bed, effort: Effort) -> Outcome | None:
        if effort.quick and self.rows > MANY:
            return None
        path = bed.place / f"{self.name}.db"
        if self.rows and not path.exists():
            filling = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.filling", str(path), str(self.rows))
            )
            if await filling.wait():
                raise AssertionError(f"{path} was not filled")
        contender = await bed.contender(KEPT, self.name)
        assert contender is not None
        return await self.measure.measure(bed, effort, contender)


def _rows(measure: Late | LateDelivery) -> dict[str, Measure]:
    return {
        f"{rows:,}": Filled(rows, f"rows{number}", measure)
        for number, rows in enumerate(ROWS)
    }


CASES = (
    Case(
        "rows-post",
        f"POST a message, JSON, at {STEADY} a second, with so many rows there",
        _rows(Late("", "json", STEADY)),
        compared="cpu",
    ),
    Case(
        "rows-callback",
        f"A message to the callback, at {STEADY} a second, with so many rows there",
        _rows(LateDelivery("", STEADY)),
        compared="cpu",
    ),
)
