"""A real reactor whose time a test can move forward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class JumpingReactor:
    """
    The running reactor, with a clock that L{jump} moves forward. Timers that were set
    through it become due by a jump; everything else is that of the reactor.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._ahead = 0.0
        self._timers: list[Any] = []  # IDelayedCall, which its type lacks methods of

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def seconds(self) -> float:
        """Return the time."""
        return float(self._reactor.seconds()) + self._ahead

    def callLater(self, delay: float, f: Callable[..., Any], *a: Any, **k: Any) -> Any:
        """Set a timer."""
        self._timers = [each for each in self._timers if each.active()]
        timer = self._reactor.callLater(delay, f, *a, **k)
        self._timers.append(timer)
        return timer

    def jump(self, seconds: float) -> None:
        """Move the time forward."""
        now = self._reactor.seconds()
        self._ahead += seconds
        for each in self._timers:
            if each.active():
                each.reset(max(0.0, each.getTime() - now - seconds))
