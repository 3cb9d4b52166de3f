"""Makes the timers of a process immune to steps of the system clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def useMonotonicTime(reactor: Any, now: Callable[[], float] = time.monotonic) -> None:
    """
    Let a reactor measure time by a clock that is never set.

    Twisted's reactors use C{time.time}: after a step back of an hour every timer would
    go off an hour late, after a step forward at once. Only the owner of a process may
    decide this, so the plugin does, and L{makeGateway<xmpprest.makeGateway>} does not.

    @param reactor: A reactor of Twisted. Timers that it has already keep their delay.
    @param now: Returns seconds.
    """
    shift = now() - reactor.seconds()
    reactor.seconds = now
    for call in reactor.getDelayedCalls():
        call.time += shift
        call.seconds = now
