"""Joins those who watch to what there is to see."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..core.media.values import Value
from ..live.hub import EventHub
from ..live.rates import RateSampler
from .metrics import MetricsCollector


def makeRates(live: EventHub, monitor: MetricsCollector, reactor: Any) -> RateSampler:
    """
    What is told of how much happens.
    """

    def tell(value: dict[str, Value]) -> None:
        live.rates(value)
        if live.hasSubscribers:
            # For the next time; the store need not count for nobody.
            Deferred.fromCoroutine(monitor.refresh())

    return RateSampler(monitor.readings, tell, reactor)
