"""Tests for L{xmpprest.live.rates}."""

from __future__ import annotations

from typing import Any

from jsonschema_rs import Draft202012Validator
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.codec.events import RATES, eventSchemas
from xmpprest.core.histogram import LATENCY_BUCKETS, Histogram
from xmpprest.live.rates import COUNTS, INTERVAL, LATENCIES, QUEUES, RateSampler

SCHEMA = Draft202012Validator({**eventSchemas({})[RATES]})


def tally(*seconds: float) -> Histogram:
    """Return a histogram of these durations."""
    made = Histogram(LATENCY_BUCKETS)
    for each in seconds:
        made.observe(each)
    return made


class RatesTests(SynchronousTestCase):
    """
    Tests for L{RateSampler}.
    """

    def setUp(self) -> None:
        metrics = {m for t in (COUNTS, LATENCIES, QUEUES) for m, _ in t.values()}
        self.values: dict[str, dict[tuple[str, ...], float | Histogram]] = {
            metric: {} for metric in metrics
        }
        readings = {metric: lambda m=metric: self.values[m] for metric in metrics}
        self.told: list[Any] = []
        self.clock = Clock()
        self.rates = RateSampler(readings, self.told.append, self.clock)

    def next(self) -> Any:
        """Return the event of the next interval."""
        self.clock.advance(INTERVAL)
        told = self.told.pop()
        SCHEMA.validate({"time": "2026-01-01T00:00:00.000Z", **told})
        return told

    def test_nothing(self) -> None:
        """While nothing happens, that is told, every five seconds."""
        self.rates.startService()
        self.clock.advance(INTERVAL - 0.1)
        self.assertEqual(self.told, [])
        told = self.next()
        self.assertEqual(told["seconds"], INTERVAL + INTERVAL - 0.1)
        self.assertEqual(told["counts"], dict.fromkeys(COUNTS, 0))
        self.assertEqual(told["queues"], {})
        none = {"count": 0, "p50": None, "p99": None}
        self.assertEqual(told["latencies"], dict.fromkeys(LATENCIES, none))

    def test_counts(self) -> None:
        """The event has the counts since the previous one, and no earlier ones."""
        stanzas = self.values["xmpprest_stanzas"]
        stanzas.update({("out", "message"): 10, ("in", "iq"): 20})
        self.rates.startService()
        stanzas.update({("out", "message"): 11, ("out", "iq"): 5, ("in", "iq"): 22})
        self.values["xmpprest_http_requests"].update(
            {("stanza", "202"): 7, ("outbox", "503"): 2}
        )
        self.values["xmpprest_callback_seconds"].update(
            {("a", "2xx"): tally(1, 1), ("a", "5xx"): tally(1), ("b", "none"): tally(1)}
        )
        expected = {"out": 6, "in": 2, "requests": 9, "errors": 2}
        expected |= {"callbacks": 4, "failures": 2}
        self.assertEqual(self.next()["counts"], expected)
        self.assertEqual(self.next()["counts"], dict.fromkeys(COUNTS, 0))

    def test_queues(self) -> None:
        """The event has the current lengths of the queues, if they are known."""
        self.values["xmpprest_outbox_messages"][()] = 3
        self.values["xmpprest_inbox_stanzas"].update({("yes",): 4, ("no",): 1})
        self.rates.startService()
        self.assertEqual(self.next()["queues"], {"outbox": 3, "inbox": 5})

    def test_latencies(self) -> None:
        """How long it took is told of those since the last look."""
        requests = self.values["xmpprest_http_request_seconds"]
        requests[("stanza",)] = tally(*[100] * 50)
        self.rates.startService()
        requests[("stanza",)] = tally(*[100] * 50, *[0.002] * 99)
        requests[("outbox",)] = tally(0.4)
        requests[("/rest/events",)] = tally(*[100] * 50)
        told = self.next()["latencies"]["requests"]
        self.assertEqual(told["count"], 100)
        self.assertTrue(0.001 < told["p50"] < 0.0025, told)
        self.assertEqual(told["p99"], 0.0025)

    def test_beyond(self) -> None:
        """A duration beyond the highest bucket is shown as the longest."""
        self.rates.startService()
        self.values["xmpprest_barrier_seconds"][()] = tally(1e6)
        told = self.next()["latencies"]["barriers"]
        self.assertEqual(
            (told["p50"], told["p99"]), (LATENCY_BUCKETS[-1], LATENCY_BUCKETS[-1])
        )

    def test_stop(self) -> None:
        """When it is stopped, nothing is looked at any more."""
        self.rates.startService()
        self.rates.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])
