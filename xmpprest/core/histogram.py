"""
Counts values by their size, as cheaply as can be: what is measured while there is work
to do is put together when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

#: Bounds for how long something takes, in seconds: from what a memory does to what a
#: person gives up on.
LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
#: Bounds for how many things are done at once.
COUNT_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """
    How many values there were, of which size, and their sum.

    @ivar bounds: In their order; a value belongs to the first that is not below it.
    @ivar counts: How many belong to each, and to none.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Here is another."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    @classmethod
    def merge(cls, tallies: Iterable[Histogram], bounds: Sequence[float]) -> Histogram:
        """Those of several that have the same bounds."""
        whole = cls(bounds)
        for each in tallies:
            whole.counts = [
                a + b for a, b in zip(whole.counts, each.counts, strict=True)
            ]
            whole.sum += each.sum
        return whole


class CommitMetrics:
    """
    What a store has committed.

    @ivar seconds: How many each commit took.
    @ivar calls: How many calls were done by it.
    """

    def __init__(self) -> None:
        self.seconds = Histogram(LATENCY_BUCKETS)
        self.calls = Histogram(COUNT_BUCKETS)
