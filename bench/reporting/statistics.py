"""What was measured, and what is made of it: medians, ratios, percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

#: Figures by what they are; L{COLUMNS} has the names.
Values = Mapping[str, float]

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}

#: The name of each figure, its heading, how it is written, and whether more is better.
COLUMNS: Mapping[str, tuple[str, str, bool]] = {
    "rate": ("per second", ",.0f", True),
    "cpu": ("its CPU µs", ",.0f", False),
    "server": ("server's CPU µs", ",.0f", False),
    "p50": ("p50 ms", ".2f", False),
    "p99": ("p99 ms", ".2f", False),
    "p99.9": ("p99.9 ms", ".2f", False),
    "connection": ("KB a connection", ".1f", False),
    "waiting": ("KB a waiting iq", ".1f", False),
    "ready": ("ready after s", ".2f", False),
    "rss": ("RSS MB", ",.0f", False),
    "growth": ("RSS growth %", ".1f", False),
    "settled": ("then s", ".2f", False),
    "lost": ("lost", ",.0f", False),
    "refused": ("refused", ",.0f", False),
}


@dataclass(frozen=True)
class Measurement:
    """
    What one measurement came to.

    @ivar series: The same figures over time, where there is more than one.
    """

    values: Values
    series: Sequence[Values] = ()


@dataclass(frozen=True)
class Result:
    """
    An outcome, and of what.

    @ivar row: Who, or what, was measured; what stands to the left in the table.
    """

    server: str
    case: str
    row: str
    round: int
    values: Values
    series: Sequence[Values] = field(default=())


def percentile(ordered: Sequence[float], share: float) -> float:
    """What a share of the values, the least first, does not exceed: one of them."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def latencies(seconds: Iterable[float]) -> Values:
    """The percentiles of some times, in milliseconds."""
    ordered = sorted(seconds)
    return {
        name: percentile(ordered, share) * 1000
        for name, share in PERCENTILES.items()
        if ordered
    }


def medians(results: Iterable[Result]) -> Values:
    """Of each figure, over the rounds."""
    found = list(results)
    names = [name for name in COLUMNS if any(name in each.values for each in found)]
    return {
        name: median(each.values[name] for each in found if name in each.values)
        for name in names
    }


def ratio(
    results: Sequence[Result], figure: str, above: str, below: str
) -> float | None:
    """
    The median of the ratios between two rows of a case, each of one round; since what
    else a machine does hits both.

    @param results: Of one case on one server.
    @return: C{None} if there is no round with both.
    """
    found = {
        (each.row, each.round): each.values[figure]
        for each in results
        if figure in each.values
    }
    ratios = [
        value / found[below, number]
        for (row, number), value in found.items()
        if row == above and found.get((below, number))
    ]
    return median(ratios) if ratios else None
