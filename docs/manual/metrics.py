"""The metrics, as L{xmpprest.metrics.definitions} has them, for the page about them."""

from __future__ import annotations

from xmpprest.metrics.definitions import METRICS, Metric

from .markup import definitions, literal, prose


def written() -> str:
    """Write a list of all metrics."""
    items = [(_shown(each), (f"{each.kind}. {prose(each.help)}",)) for each in METRICS]
    return "\n".join(definitions("metrics", items))


def names() -> list[str]:
    """Return the names of all metrics, as a query has them."""
    return [_name(each) for each in METRICS]


def _shown(metric: Metric) -> str:
    """The name and the labels, as in a query."""
    labels = f"{{{', '.join(metric.labels)}}}" if metric.labels else ""
    return " ".join(map(literal, filter(None, (_name(metric), labels))))


def _name(metric: Metric) -> str:
    return metric.series[0] if len(metric.series) == 1 else metric.name
