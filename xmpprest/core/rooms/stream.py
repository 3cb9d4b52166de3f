"""Transitions by the stream and by the timer of the next attempt."""

from __future__ import annotations

from .events import (
    Due,
    SetTimer,
    StreamDown,
    StreamUp,
)
from .membership import Membership
from .phases import Phase


def streamUp(membership: Membership, event: StreamUp) -> None:
    """Begin to join."""
    membership.failures = 0
    membership.attempt()


def streamDown(membership: Membership, event: StreamDown) -> None:
    """Wait for the next stream."""
    membership.go(Phase.OFFLINE)
    membership.condition, membership.reason = "offline", None
    membership.out.append(SetTimer(None))


def retryDue(membership: Membership, event: Due) -> None:
    """Begin the next attempt to join."""
    membership.attempt()
