"""Tests of C{docs/reference/live-events.rst}: what it says is what the code has."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT
from xmpprest.core.eventmap import SHOWN, eventSchemas
from xmpprest.monitor import rates, record
from xmpprest.monitor.live import GRACE, WATCHERS
from xmpprest.web import events
from xmpprest.web.channel import CLOSE_TIMEOUT

TEXT = " ".join((ROOT / "docs/reference/live-events.rst").read_text().split())


class EventsTests(SynchronousTestCase):
    """
    Tests of the text.
    """

    def test_names(self) -> None:
        """
        Every event, and every key that it may have, is explained.
        """
        literals = {*Document(ROOT / "docs/reference/live-events.rst").literals}
        schemas = eventSchemas({})
        keys = {key for schema in schemas.values() for key in schema["properties"]}
        # They stand in the example.
        keys -= {"state", "reconnects"}
        known = {*schemas, *keys, *rates.COUNTS, *rates.LATENCIES, *rates.QUEUES}
        self.assertLessEqual(known, literals)

    def test_numbers(self) -> None:
        """
        Each number that it names is that of the code.
        """
        for said, number in {
            r"Beyond ([\d,]+) characters": SHOWN,
            r"the last ([\d,]+) stanzas": record.COUNT,
            r"of (\d+) MiB of characters": record.SIZE / 2**20,
            r"(\d+) clients at a time": WATCHERS,
            r"About (\d+) events a second": events.BATCH / events.PAUSE,
            r"and writes (\d+) at most": events.BATCH,
            r"looks (\d+) times a second": 1 / events.PAUSE,
            r"After (\d+) s of silence": events.SILENCE,
        }.items():
            (found,) = re.findall(said, TEXT)
            self.assertEqual(float(found.replace(",", "")), number, said)
        self.assertIn("Every five seconds", TEXT)
        self.assertEqual(rates.INTERVAL, 5)
        self.assertIn("for a minute after that", TEXT)
        self.assertEqual(GRACE, 60)
        self.assertIn("for half a minute", TEXT)
        self.assertEqual(CLOSE_TIMEOUT, 30)
        self.assertIn("rates of the last 15 minutes", TEXT)
        self.assertEqual(record.OTHERS * rates.INTERVAL, 15 * 60)
