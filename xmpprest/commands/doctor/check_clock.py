"""Compares the clock with the clocks of the server and the callbacks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from .result import CheckResult, failed, ok, warning

#: Seconds of clock error that break signatures (Standard Webhooks); harmless seconds.
TOLERANCE = 300.0
NEGLIGIBLE = 10.0

_ADVICE = "set the clock that is wrong, and synchronise it (timedatectl set-ntp true)"


def checkClock(offsets: Mapping[str, float]) -> CheckResult:
    """
    Check how far off the clock is.

    @param offsets: Seconds that the clock is ahead, by the name of the other clock.
    """
    if not offsets:
        return ok("clock", "no other clock could be read to compare it with")
    words = ", ".join(_words(who, offset) for who, offset in offsets.items())
    most = max(map(abs, offsets.values()))
    if most > TOLERANCE:
        return failed(
            "clock",
            f"it is {words}; callbacks refuse signatures that are 5 minutes off:"
            f" {_ADVICE}",
        )
    if most > NEGLIGIBLE:
        return warning("clock", f"it is {words}: {_ADVICE}")
    return ok("clock", f"it is {words}")


def _words(who: str, offset: float) -> str:
    if abs(offset) <= NEGLIGIBLE:
        return f"equal to {who}"
    side = "ahead of" if offset > 0 else "behind"
    return f"{abs(offset):.0f} s {side} {who}"


def clockOffset(now: datetime, theirs: datetime) -> float:
    """Return how many seconds our clock is ahead."""
    return (now - theirs).total_seconds()
