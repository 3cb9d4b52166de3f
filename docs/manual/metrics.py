"""The metrics, as L{xmpprest.metrics.definitions} has them, for the page about them."""

from __future__ import annotations

from xmpprest.metrics.definitions import METRICS, Metric

from .markup import literal, prose, table


def written() -> str:
    """A table of all metrics."""
    rows = [(_shown(each), each.kind, prose(each.help)) for each in METRICS]
    return "\n".join(table("40 12 48", ("Metric", "Kind", "What it is"), rows))


def _shown(metric: Metric) -> str:
    """The name, and the labels, as one writes them in a query."""
    name = metric.series[0] if len(metric.series) == 1 else metric.name
    labels = f"{{{', '.join(metric.labels)}}}" if metric.labels else ""
    return " ".join(map(literal, filter(None, (name, labels))))
