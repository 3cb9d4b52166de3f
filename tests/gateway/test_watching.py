"""Tests for L{xmpprest.gateway.watching}."""

from __future__ import annotations

import json

from xmpprest.core.codec.events import EventFilter
from xmpprest.gateway.watching import makeEventHub
from xmpprest.live.hub import GRACE
from xmpprest.live.subscription import EventSubscription

from ..support.doubles import DOMAIN, stanza
from ..xmpp.case import ComponentTestCase

MESSAGE = f"<message from='{DOMAIN}' to='a@example.org' id='out'/>"


class MakeLiveTests(ComponentTestCase):
    """
    Tests for L{makeEventHub}.
    """

    def setUp(self) -> None:
        super().setUp()
        self.log: list[str] = []
        self.component.onConnected = lambda: self.log.append("online")
        self.component.onDisconnected = lambda: self.log.append("offline")
        self.component.onSent = lambda xml: self.log.append("sent")
        self.component.onReceived = lambda stanza: self.log.append("received")
        self.live = makeEventHub(self.component, self.clock)

    def told(self, watcher: EventSubscription) -> list[str]:
        """The states, and the ids of stanzas, with their way."""
        data = [json.loads(event.data) for _, event in watcher.read(100)]
        return [
            each.get("state") or f"{each['direction']} {each['json']['id']}"
            for each in data
        ]

    def test_state(self) -> None:
        """
        Those who watch are told whether there is a stream; others still are, too.
        """
        watcher = self.live.subscribe(EventFilter())
        self.connect().lose()
        self.assertEqual(self.told(watcher), ["down", "up", "down"])
        self.assertEqual(self.log, ["online", "offline"])

    def test_stanzas(self) -> None:
        """
        Those who watch see stanzas both ways; who was told before still is, and
        nobody else afterwards.
        """
        server = self.connect()
        sent, received = self.component.onSent, self.component.onReceived
        watcher = self.live.subscribe(EventFilter())
        self.component.send(stanza(MESSAGE))
        server.send("<message from='a@example.org' id='in'/>")
        self.assertEqual(self.told(watcher)[2:], ["out out", "in in"])
        self.assertEqual(self.log, ["online", "sent", "received"])
        watcher.close()
        self.clock.advance(GRACE)
        self.assertEqual(
            (self.component.onSent, self.component.onReceived), (sent, received)
        )
