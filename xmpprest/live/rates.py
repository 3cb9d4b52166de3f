"""Samples the metrics, and reports counts and latencies since the last sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..concurrency import timers
from ..core.histogram import LATENCY_BUCKETS, Histogram
from ..core.media.values import Value

#: Seconds from one sample to the next.
INTERVAL = 5.0

#: Reads the values of a metric, by its label values.
Reading = Callable[[], Mapping[tuple[str, ...], float | Histogram]]

#: A metric, and a function of its label values that selects values.
_Chosen = tuple[str, Callable[..., bool]]


def _all(*labels: str) -> bool:
    return True


#: Counts that are reported as differences between two samples.
COUNTS: Mapping[str, _Chosen] = {
    "out": ("xmpprest_stanzas", lambda direction, _: direction == "out"),
    "in": ("xmpprest_stanzas", lambda direction, _: direction == "in"),
    "requests": ("xmpprest_http_requests", _all),
    "errors": ("xmpprest_http_requests", lambda _, status: status.startswith("5")),
    "callbacks": ("xmpprest_callback_seconds", _all),
    "failures": ("xmpprest_callback_seconds", lambda _, result: result != "2xx"),
}
#: The route of the event streams, as the metrics name it.
_EVENTS = "/rest/events"
#: Latencies. Event streams are left out: they last for hours.
LATENCIES: Mapping[str, _Chosen] = {
    "requests": ("xmpprest_http_request_seconds", lambda route: route != _EVENTS),
    "callbacks": ("xmpprest_callback_seconds", _all),
    "barriers": ("xmpprest_barrier_seconds", _all),
    "commits": ("xmpprest_store_commit_seconds", _all),
}
#: Queue lengths.
QUEUES: Mapping[str, _Chosen] = {
    "outbox": ("xmpprest_outbox_messages", _all),
    "inbox": ("xmpprest_inbox_stanzas", _all),
    "dead": ("xmpprest_dead_letters", _all),
    "iqs": ("xmpprest_iq_waiting", _all),
}


class RateSampler(Service):
    """
    Samples the metrics regularly, and reports the differences.
    """

    _timer: IDelayedCall | None = None

    def __init__(
        self,
        readings: Mapping[str, Reading],
        tell: Callable[[dict[str, Value]], None],
        clock: IReactorTime,
    ) -> None:
        """
        @param readings: The functions that read the metrics, by their names.
        @param tell: Takes the report, as L{xmpprest.core.codec.events} describes it,
            but without C{time}.
        """
        self._readings = readings
        self._tell = tell
        self._clock = clock

    def startService(self) -> None:
        """Take the first sample."""
        super().startService()
        self._look()

    def stopService(self) -> None:
        """Take no more samples."""
        super().stopService()
        timers.cancel(self._timer)

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
    """Return the latencies between two samples."""
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
    Estimate a quantile: values between two bounds are taken for evenly spread.

    @param part: The fraction of the values that are not above the quantile.
    @return: C{None} if there are no values, or if the quantile is above all bounds.
    """
    rank, below = part * sum(counts), 0
    for index, upTo in enumerate(accumulate(counts)):
        if upTo >= rank and upTo > below:
            if index == len(bounds):
                break  # It is above the last bound.
            low = bounds[index - 1] if index else 0.0
            share = (rank - below) / (upTo - below)
            return round(low + share * (bounds[index] - low), 6)
        below = upTo
    return bounds[-1] if sum(counts) else None
