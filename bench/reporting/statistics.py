"""Results, and their statistics: medians, ratios, percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

#: Figures by name; L{COLUMNS} lists the names.
Values = Mapping[str, float]

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}

#: Each figure's name, heading and format, and whether more is better.
COLUMNS: Mapping[str, tuple[str, str, bool]] = {
    "rate": ("per second", ",.0f", True),
    "cpu": ("its CPU µs", ",.0f", False),
    "server": ("server's CPU µs", ",.0f", False),
    "callbacks": ("callbacks per second", ",.0f", True),
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
    The figures of one measurement.

    @ivar series: The same figures over time, if there are several.
    """

    values: Values
    series: Sequence[Values] = ()


@dataclass(frozen=True)
class Result:
    """
    A measurement, and the row that it belongs to.

    @ivar row: The candidate or parameter; the first column of the table.
    """

    server: str
    case: str
    row: str
    round: int
    values: Values
    series: Sequence[Values] = field(default=())


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least a share of the values does not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def latencies(seconds: Iterable[float]) -> Values:
    """Return the percentiles of some times, in milliseconds."""
    ordered = sorted(seconds)
    return {
        name: percentile(ordered, share) * 1000
        for name, share in PERCENTILES.items()
        if ordered
    }


def medians(results: Iterable[Result]) -> Values:
    """Return the median of each figure over the rounds."""
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
    Return the median of the ratios between two rows of a case, taken round by round,
    since noise on the machine hits both rows of a round.

    @param results: The results of one case on one server.
    @return: C{None} if no round has both rows.
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
