"""Tests of C{docs/reference/live-events.rst}: what it says is what the code has."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT
from xmpprest.core.codec.events import MAX_XML_SHOWN, eventSchemas
from xmpprest.live import event_log, rates
from xmpprest.live.hub import GRACE, MAX_SUBSCRIBERS, MAX_TEXT
from xmpprest.web.api import events
from xmpprest.web.server.channel import CLOSE_TIMEOUT

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
            r"Beyond ([\d,]+) characters": MAX_XML_SHOWN,
            r"the last ([\d,]+) stanzas": event_log.COUNT,
            r"of (\d+) MiB of characters": event_log.SIZE / 2**20,
            r"(\d+) clients at a time": MAX_SUBSCRIBERS,
            r"Texts are cut after ([\d,]+) characters": MAX_TEXT,
            r"The last (\d+) are kept": event_log.MAX_OTHER_EVENTS,
            r"About (\d+) events a second": events.BATCH / events.POLL_INTERVAL,
            r"and writes (\d+) at most": events.BATCH,
            r"looks (\d+) times a second": 1 / events.POLL_INTERVAL,
            r"After (\d+) s of silence": events.KEEPALIVE_INTERVAL,
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
        self.assertEqual(event_log.MAX_OTHER_EVENTS * rates.INTERVAL, 15 * 60)
