"""Histograms, cheap to fill: they are merged only when metrics are requested."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

#: Bucket bounds for durations, in seconds: from an access to memory to the end of a
#: person's patience.
LATENCY_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
)
#: Bucket bounds for numbers of calls.
COUNT_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Histogram:
    """
    A histogram of values.

    @ivar bounds: The upper bounds of the buckets, ascending, each included in its
        bucket.
    @ivar counts: The number of values in each bucket, and last of those above all
        bounds.
    @ivar sum: The sum of all values.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Add a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(self.counts)

    @classmethod
    def merge(
        cls, histograms: Iterable[Histogram], bounds: Sequence[float]
    ) -> Histogram:
        """Add up several histograms that have the same bounds."""
        total = cls(bounds)
        for each in histograms:
            total.counts = [
                a + b for a, b in zip(total.counts, each.counts, strict=True)
            ]
            total.sum += each.sum
        return total


class CommitMetrics:
    """
    Metrics of a store's commits.

    @ivar seconds: The durations of the commits, in seconds.
    @ivar calls: The number of calls in each commit.
    """

    def __init__(self) -> None:
        self.seconds = Histogram(LATENCY_BUCKETS)
        self.calls = Histogram(COUNT_BUCKETS)
