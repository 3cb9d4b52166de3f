"""Tests for L{xmpprest.gateway.watching}."""

from __future__ import annotations

import json

from xmpprest.core.eventmap import Wanted
from xmpprest.gateway.watching import makeLive
from xmpprest.monitor.live import GRACE
from xmpprest.monitor.watcher import Watcher

from .doubles import DOMAIN, stanza
from .xmpp.case import ComponentTestCase

MESSAGE = f"<message from='{DOMAIN}' to='a@example.org' id='out'/>"


class MakeLiveTests(ComponentTestCase):
    """
    Tests for L{makeLive}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log: list[str] = []
        self.component.online = lambda: self.log.append("online")
        self.component.offline = lambda: self.log.append("offline")
        self.component.sent = lambda xml: self.log.append("sent")
        self.component.received = lambda stanza: self.log.append("received")
        self.live = makeLive(self.component, self.clock)

    def told(self, watcher: Watcher) -> list[str]:
        """The states, and the ids of stanzas, with their way."""
        data = [json.loads(event.data) for _, event in watcher.take(100)]
        return [
            each.get("state") or f"{each['direction']} {each['json']['id']}"
            for each in data
        ]

    def test_state(self) -> None:
        """
        Those who watch are told whether there is a stream; others still are, too.
        """
        watcher = self.live.watch(Wanted())
        self.connect().lose()
        self.assertEqual(self.told(watcher), ["down", "up", "down"])
        self.assertEqual(self.log, ["online", "offline"])

    def test_stanzas(self) -> None:
        """
        Those who watch see stanzas both ways; who was told before still is, and
        nobody else afterwards.
        """
        server = self.connect()
        sent, received = self.component.sent, self.component.received
        watcher = self.live.watch(Wanted())
        self.component.send(stanza(MESSAGE))
        server.send("<message from='a@example.org' id='in'/>")
        self.assertEqual(self.told(watcher)[2:], ["out out", "in in"])
        self.assertEqual(self.log, ["online", "sent", "received"])
        watcher.close()
        self.clock.advance(GRACE)
        self.assertEqual(
            (self.component.sent, self.component.received), (sent, received)
        )
