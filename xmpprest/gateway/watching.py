"""Joins those who watch to what there is to see."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..core.media.values import Value
from ..live.hub import EventHub
from ..live.rates import RateSampler
from ..xmpp.component import ComponentService
from .metrics import MetricsCollector


def makeEventHub(component: ComponentService, reactor: Any) -> EventHub:
    """
    What is told of the stream, and of the stanzas on it while somebody watches. To be
    made when all others have been joined to the stream.
    """
    live = EventHub(reactor, time.time)
    online, offline = component.onConnected, component.onDisconnected

    def up() -> None:
        online()
        live.streamConnected()

    def down() -> None:
        offline()
        live.streamLost()

    component.onConnected, component.onDisconnected = up, down
    sent, received = component.onSent, component.onReceived

    def tell(xml: str) -> None:
        sent(xml)
        live.sent(xml)

    def tellReceived(stanza: Element) -> None:
        received(stanza)
        live.received(stanza)

    def watched(isWatched: bool) -> None:
        component.onSent = tell if isWatched else sent
        component.onReceived = tellReceived if isWatched else received

    live.onSubscribersChanged = watched
    return live


def makeRates(live: EventHub, monitor: MetricsCollector, reactor: Any) -> RateSampler:
    """
    What is told of how much happens.
    """

    def tell(value: dict[str, Value]) -> None:
        live.rates(value)
        if live.hasSubscribers:
            # For the next time; the store need not count for nobody.
            Deferred.fromCoroutine(monitor.refresh())

    return RateSampler(monitor.readings, tell, reactor)
