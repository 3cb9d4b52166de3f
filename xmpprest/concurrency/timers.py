"""Timers: delayed calls of the reactor."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall


def cancel(timer: IDelayedCall | None) -> None:
    """Cancel a timer unless it is C{None}, has fired or was cancelled already."""
    if timer is not None and timer.active():
        timer.cancel()
