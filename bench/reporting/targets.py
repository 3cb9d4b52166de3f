"""The performance targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from ..candidates.registry import (
    EMPTY,
    MOD_REST,
    RAW,
    SLIXMPP,
    XMPPREST_MEMORY,
    XMPPREST_SQLITE,
)
from .statistics import Result, ratio

Results = Sequence[Result]

#: Required stanzas per second of batches; half of the raw rate is enough, too.
ENOUGH = 10_000


@dataclass(frozen=True)
class Target:
    """
    A performance target.

    @ivar measured: Finds its figure in the results on one server.
    @ivar isLeast: Whether the limit is a minimum; otherwise a maximum.
    """

    text: str
    limit: float
    isLeast: bool
    measured: Callable[[Results], float | None]

    @property
    def wanted(self) -> str:
        """Return the limit as text."""
        return f"{'≥' if self.isLeast else '≤'} {self.limit:g}"

    def met(self, figure: float) -> bool:
        """Return whether a figure meets the target."""
        return figure >= self.limit if self.isLeast else figure <= self.limit


def _times(
    case: str, figure: str, above: str, below: str, results: Results
) -> float | None:
    return ratio([it for it in results if it.case == case], figure, above, below)


def _apart(case: str, one: str, other: str, results: Results) -> float | None:
    """Return the ratio of the more expensive of two rows to the cheaper one."""
    found = _times(case, "cpu", one, other, results)
    return max(found, 1 / found) if found else None


def _figures(case: str, row: str, figure: str, results: Results) -> dict[int, float]:
    """Return a figure of one row by round."""
    return {
        it.round: it.values[figure]
        for it in results
        if (it.case, it.row) == (case, row) and figure in it.values
    }


def _median(case: str, row: str, figure: str, results: Results) -> float | None:
    found = _figures(case, row, figure, results)
    return median(found.values()) if found else None


def _later(results: Results) -> float | None:
    """
    Return the milliseconds by which the 99th percentile of pings exceeds that of raw
    ones.
    """
    ours = _figures("late-ping-500", XMPPREST_SQLITE, "p99", results)
    raw = _figures("late-ping-500", RAW, "p99", results)
    later = [ours[number] - raw[number] for number in ours if number in raw]
    return median(later) if later else None


def _batch(results: Results) -> float | None:
    """Return the rate of batches as a share of the required rate."""
    ours = _figures("batch", XMPPREST_SQLITE, "rate", results)
    raw = _figures("batch", RAW, "rate", results)
    parts = [ours[it] / min(ENOUGH, raw[it] / 2) for it in ours if it in raw]
    return median(parts) if parts else None


def _atLeast(
    text: str, limit: float, case: str, below: str, above: str = XMPPREST_SQLITE
) -> Target:
    return Target(text, limit, True, partial(_times, case, "rate", above, below))


def _same(text: str, case: str, one: str, other: str) -> Target:
    """Return the target that two rows are within 20 % of each other."""
    return Target(text, 1.2, False, partial(_apart, case, one, other))


TARGETS = (
    _atLeast(
        "POST with a store: rate relative to mod_rest", 2, "post-json-16", MOD_REST
    ),
    _atLeast(
        "POST with a store: rate relative to slixmpp", 1.2, "post-json-16", SLIXMPP
    ),
    Target(
        "POST with a store: CPU relative to twisted.web",
        *(1.2, False),
        partial(_times, "post-json-16", "cpu", XMPPREST_SQLITE, EMPTY),
    ),
    _atLeast("iq: rate relative to mod_rest", 1.2, "ping-16", MOD_REST),
    _atLeast("iq: rate relative to slixmpp", 1.1, "ping-16", SLIXMPP),
    Target("iq at 500/s: p99 ms more than raw", 3, False, _later),
    _atLeast(
        "callback with a store: rate relative to mod_rest", 2, "callback", MOD_REST
    ),
    Target("batch: rate relative to 10,000/s or half of raw, if less", 1, True, _batch),
    Target(
        "memory of a waiting iq with its connection, KB",
        *(8, False),
        partial(_median, "waiting", XMPPREST_SQLITE, "waiting"),
    ),
    Target(
        "soak: growth of RSS, %",
        5,
        False,
        partial(_median, "soak", XMPPREST_SQLITE, "growth"),
    ),
    _same(
        "POST: CPU with 10,000 stored rows relative to none", "rows-post", "10,000", "0"
    ),
    _same(
        "POST: CPU with a million stored rows relative to none",
        "rows-post",
        "1,000,000",
        "0",
    ),
    _same(
        "callback: CPU with 10,000 stored rows relative to none",
        "rows-callback",
        "10,000",
        "0",
    ),
    _same(
        "callback: CPU with a million stored rows relative to none",
        "rows-callback",
        "1,000,000",
        "0",
    ),
    _same(
        "POST: CPU with 1,000 recipients relative to one", "people-post", "1,000", "1"
    ),
    _same(
        "POST: CPU with 100,000 recipients relative to one",
        "people-post",
        "100,000",
        "1",
    ),
    _same(
        "callback: CPU with 1,000 senders relative to one",
        "people-callback",
        "1,000",
        "1",
    ),
    _same(
        "callback: CPU with 100,000 senders relative to one",
        "people-callback",
        "100,000",
        "1",
    ),
    _atLeast(
        "POST: rate with a store relative to none", 0.8, "post-json-16", XMPPREST_MEMORY
    ),
    _atLeast(
        "callback: rate with a store relative to none", 0.9, "callback", XMPPREST_MEMORY
    ),
)
