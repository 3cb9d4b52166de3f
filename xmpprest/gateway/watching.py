"""Joins those who watch to what there is to see."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..core.values import Value
from ..monitor.live import Live
from ..monitor.rates import Rates
from ..xmpp.component import ComponentService
from .monitoring import Monitor


def makeLive(component: ComponentService, reactor: Any) -> Live:
    """
    What is told of the stream, and of the stanzas on it while somebody watches. To be
    made when all others have been joined to the stream.
    """
    live = Live(reactor, time.time)
    online, offline = component.online, component.offline

    def up() -> None:
        online()
        live.up()

    def down() -> None:
        offline()
        live.down()

    component.online, component.offline = up, down
    sent, received = component.sent, component.received

    def tell(xml: str) -> None:
        sent(xml)
        live.sent(xml)

    def tellReceived(stanza: Element) -> None:
        received(stanza)
        live.received(stanza)

    def watched(isWatched: bool) -> None:
        component.sent = tell if isWatched else sent
        component.received = tellReceived if isWatched else received

    live.watched = watched
    return live


def makeRates(live: Live, monitor: Monitor, reactor: Any) -> Rates:
    """
    What is told of how much happens.
    """

    def tell(value: dict[str, Value]) -> None:
        live.rates(value)
        if live.isWatched:
            # For the next time; the store need not count for nobody.
            Deferred.fromCoroutine(monitor.survey())

    return Rates(monitor.readings, tell, reactor)
