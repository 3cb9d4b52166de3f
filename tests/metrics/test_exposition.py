"""Tests for L{xmpprest.metrics.exposition}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.histogram import Histogram
from xmpprest.metrics.definitions import COUNTER, HISTOGRAM, METRICS
from xmpprest.metrics.exposition import Exposition, Reading, Values


class ExpositionTests(SynchronousTestCase):
    """
    The text that Prometheus reads
    """

    def setUp(self) -> None:
        self.values: dict[str, Values] = {metric.name: {} for metric in METRICS}

    def lines(self) -> list[str]:
        """All lines that are no comments."""
        readings: dict[str, Reading] = {
            name: lambda name=name: self.values[name]  # type: ignore[misc]  # a default
            for name in self.values
        }
        text = Exposition(readings).text().decode()
        return [line for line in text.splitlines() if not line.startswith("#")]

    def test_single(self) -> None:
        """A gauge and a counter are lines, with their labels."""
        self.values["xmpprest_iq_waiting"] = {(): 3}
        self.values["xmpprest_stanzas"] = {("in", "iq"): 2, ("out", "message"): 0}
        lines = self.lines()
        self.assertIn("xmpprest_iq_waiting 3.0", lines)
        for line in (
            'xmpprest_stanzas_total{direction="in",kind="iq"} 2.0',
            'xmpprest_stanzas_total{direction="out",kind="message"} 0.0',
        ):
            self.assertIn(line, lines)

    def test_histogram(self) -> None:
        """A histogram counts what is at most each bound."""
        tally = Histogram((0.5, 1, 256))
        for value in (0.5, 0.7, 3, 1000):
            tally.observe(value)
        self.values["xmpprest_http_request_seconds"] = {("/rest",): tally}
        found = [line for line in self.lines() if "http_request_seconds" in line]
        self.assertEqual(
            found,
            [
                'xmpprest_http_request_seconds_bucket{le="0.5",route="/rest"} 1.0',
                'xmpprest_http_request_seconds_bucket{le="1.0",route="/rest"} 2.0',
                'xmpprest_http_request_seconds_bucket{le="256.0",route="/rest"} 3.0',
                'xmpprest_http_request_seconds_bucket{le="+Inf",route="/rest"} 4.0',
                'xmpprest_http_request_seconds_count{route="/rest"} 4.0',
                'xmpprest_http_request_seconds_sum{route="/rest"} 1004.2',
            ],
        )

    def test_process(self) -> None:
        """The process is measured, too."""
        self.assertTrue(
            any(line.startswith("process_cpu_seconds_total ") for line in self.lines())
        )

    def test_missing(self) -> None:
        """A metric that nobody reads is an error, before anybody asks."""
        del self.values["xmpprest_iq_waiting"]
        self.assertRaises(KeyError, self.lines)


class CatalogueTests(SynchronousTestCase):
    """
    The table of all metrics
    """

    def test_names(self) -> None:
        """Each name is there once, and says its unit as Prometheus wants it."""
        names = [metric.name for metric in METRICS]
        self.assertEqual(len(names), len({*names}))
        for metric in METRICS:
            self.assertRegex(metric.name, "^xmpprest_[a-z_]+$")
            self.assertFalse(metric.kind == COUNTER and metric.name.endswith("_total"))
            if metric.kind == HISTOGRAM:
                self.assertRegex(metric.name, "_(seconds|calls)$")

    def test_sentences(self) -> None:
        """Each is explained in sentences."""
        for metric in METRICS:
            self.assertRegex(metric.help, r"^[A-Z].*\.$")
