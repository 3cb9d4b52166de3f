"""How much happens, and how fast: how the metrics differ from one look to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.media.values import Value

#: Seconds from one look to the next.
INTERVAL = 5.0

#: Reads the values of a metric, by those of its labels.
Reading = Callable[[], Mapping[tuple[str, ...], float | Histogram]]

#: A metric, and which of its values count, by their labels.
_Chosen = tuple[str, Callable[..., bool]]


def _all(*labels: str) -> bool:
    return True


#: What has happened from one look to the next.
COUNTS: Mapping[str, _Chosen] = {
    "out": ("xmpprest_stanzas", lambda direction, _: direction == "out"),
    "in": ("xmpprest_stanzas", lambda direction, _: direction == "in"),
    "requests": ("xmpprest_http_requests", _all),
    "errors": ("xmpprest_http_requests", lambda _, status: status.startswith("5")),
    "callbacks": ("xmpprest_callback_seconds", _all),
    "failures": ("xmpprest_callback_seconds", lambda _, result: result != "2xx"),
}
#: As the metrics have it.
_EVENTS = "/rest/events"
#: What takes time. Who watches the events waits for hours, but for nothing.
LATENCIES: Mapping[str, _Chosen] = {
    "requests": ("xmpprest_http_request_seconds", lambda route: route != _EVENTS),
    "callbacks": ("xmpprest_callback_seconds", _all),
    "barriers": ("xmpprest_barrier_seconds", _all),
    "commits": ("xmpprest_store_commit_seconds", _all),
}
#: What waits now.
QUEUES: Mapping[str, _Chosen] = {
    "outbox": ("xmpprest_outbox_messages", _all),
    "inbox": ("xmpprest_inbox_stanzas", _all),
    "dead": ("xmpprest_dead_letters", _all),
    "iqs": ("xmpprest_iq_waiting", _all),
}


class RateSampler(Service):
    """
    Looks at the metrics, and tells the difference.
    """

    _timer: IDelayedCall | None = None

    def __init__(
        self,
        readings: Mapping[str, Reading],
        tell: Callable[[dict[str, Value]], None],
        clock: IReactorTime,
    ) -> None:
        """
        @param readings: By the name of the metric.
        @param tell: Takes the difference, which has no C{time} yet; see
            L{xmpprest.core.codec.events}.
        """
        self._readings = readings
        self._tell = tell
        self._clock = clock

    def startService(self) -> None:
        """Begin."""
        super().startService()
        self._look()

    def stopService(self) -> None:
        """End."""
        super().stopService()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look(self) -> None:
        self._at = self._clock.seconds()
        self._counts = {name: self._sum(*chosen) for name, chosen in COUNTS.items()}
        self._tallies = {n: self._tally(*chosen) for n, chosen in LATENCIES.items()}
        self._timer = self._clock.callLater(INTERVAL, self._lookAgain)

    def _lookAgain(self) -> None:
        at, counts, tallies = self._at, self._counts, self._tallies
        self._look()
        self._tell(
            {
                "seconds": round(self._at - at, 3),
                "counts": {name: self._counts[name] - counts[name] for name in counts},
                "latencies": {
                    name: _latency(tallies[name], self._tallies[name])
                    for name in tallies
                },
                "queues": {
                    name: self._sum(*chosen)
                    for name, chosen in QUEUES.items()
                    if self._values(*chosen)
                },
            }
        )

    def _values(
        self, metric: str, isChosen: Callable[..., bool]
    ) -> Sequence[float | Histogram]:
        values = self._readings[metric]()
        return [value for labels, value in values.items() if isChosen(*labels)]

    def _sum(self, metric: str, isChosen: Callable[..., bool]) -> int:
        values = self._values(metric, isChosen)
        return int(sum(v.count if isinstance(v, Histogram) else v for v in values))

    def _tally(self, metric: str, isChosen: Callable[..., bool]) -> Histogram:
        values = self._values(metric, isChosen)
        return Histogram.merge(
            (v for v in values if isinstance(v, Histogram)), LATENCY_BUCKETS
        )


def _latency(before: Histogram, now: Histogram) -> dict[str, Value]:
    """What took how long in the meantime."""
    counts = [new - old for new, old in zip(now.counts, before.counts, strict=True)]
    return {
        "count": sum(counts),
        "p50": _quantile(0.5, now.bounds, counts),
        "p99": _quantile(0.99, now.bounds, counts),
    }


def _quantile(
    part: float, bounds: Sequence[float], counts: Sequence[int]
) -> float | None:
    """
    The value that so many are not above, as far as one can tell from what was counted:
    those within two bounds are taken for evenly spread.
    """
    rank, below = part * sum(counts), 0
    for index, upTo in enumerate(accumulate(counts)):
        if upTo >= rank and upTo > below:
            if index == len(bounds):
                break  # Beyond the last bound, nobody knows.
            low = bounds[index - 1] if index else 0.0
            share = (rank - below) / (upTo - below)
            return round(low + share * (bounds[index] - low), 6)
        below = upTo
    return bounds[-1] if sum(counts) else None
