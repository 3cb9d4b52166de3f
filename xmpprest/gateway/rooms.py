"""Makes the service that keeps bots in rooms."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from twisted.words.xish.domish import Element

from ..config.config import Config
from ..core.live import Live, LiveSettings
from ..ids import newID
from ..rooms.interfaces import Surroundings
from ..rooms.service import RoomService
from ..store.interface import Store
from ..xmpp.sender import StanzaSender


def makeRoomService(
    config: Config,
    settings: Live[LiveSettings],
    store: Store,
    sender: StanzaSender,
    *,
    forward: Callable[[Element], None],
    reactor: Any,
) -> RoomService:
    """
    Make the service that keeps bots in rooms.

    @param forward: Hands an inbound stanza to the callbacks.
    """
    world = Surroundings(
        store, sender, forward, reactor, time.time, newID, random.random
    )
    return RoomService(world, config.name, lambda: settings.value.roomsAccept)
