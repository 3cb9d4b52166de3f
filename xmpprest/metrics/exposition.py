"""Writes the metrics in the text format of Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from ..core.histogram import Histogram
from .definitions import COUNTER, GAUGE, HISTOGRAM, METRICS, Metric

#: The text format that every version of Prometheus reads.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The values of a metric, by its label values.
Values = Mapping[tuple[str, ...], float | Histogram]

#: Reads the values of a metric at once.
Reading = Callable[[], Values]


class Exposition(Collector):
    """
    A registry of Prometheus with the metrics of one gateway.
    """

    def __init__(self, readings: Mapping[str, Reading]) -> None:
        """
        @param readings: A function for each of L{METRICS}, by its name.
        @raise KeyError: A function is missing.
        """
        self._readings = [(metric, readings[metric.name]) for metric in METRICS]
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def collect(self) -> Iterator[Any]:
        """Return a family for each metric, as a L{Collector} does."""
        for metric, read in self._readings:
            yield _FAMILIES[metric.kind](metric, read())

    def text(self) -> bytes:
        """Return all metrics in the format of L{CONTENT_TYPE}."""
        return generate_latest(self._registry)


def _single(
    family: type[CounterMetricFamily] | type[GaugeMetricFamily],
) -> Callable[[Metric, Values], Any]:
    def made(metric: Metric, values: Values) -> Any:
        made = family(metric.name, metric.help, labels=metric.labels)
        for labels, value in values.items():
            assert not isinstance(value, Histogram)
            made.add_metric(labels, value)
        return made

    return made


def _histogram(metric: Metric, values: Values) -> HistogramMetricFamily:
    made = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, tally in values.items():
        assert isinstance(tally, Histogram)
        made.add_metric(labels, _buckets(tally), tally.sum)
    return made


def _buckets(tally: Histogram) -> list[tuple[str, float]]:
    """Return the cumulated counts up to each bound; the last bound is infinite."""
    names = [*(str(float(bound)) for bound in tally.bounds), "+Inf"]
    return list(zip(names, accumulate(tally.counts), strict=True))


_FAMILIES: Mapping[str, Callable[[Metric, Values], Any]] = {
    COUNTER: _single(CounterMetricFamily),
    GAUGE: _single(GaugeMetricFamily),
    HISTOGRAM: _histogram,
}
