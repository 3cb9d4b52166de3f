"""Makes the service that keeps bots in rooms, and joins it to the outbox."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

from twisted.words.xish.domish import Element

from ..config.config import Config
from ..core.live import Live, LiveSettings
from ..core.rooms.values import RoomGate
from ..ids import newID
from ..outbox.outbox import Outbox
from ..rooms.interfaces import Surroundings
from ..rooms.service import RoomService
from ..store.interface import Store
from ..xmpp.sender import StanzaSender


class RoomLink:
    """
    Joins rooms and outbox, each of which is made before it knows the other.

    @ivar rooms: The service that keeps bots in rooms.
    @ivar outbox: C{None} until it is made, and for an outbox that stores nothing.
    """

    def __init__(self) -> None:
        self.rooms: RoomService | None = None
        self.outbox: Outbox | None = None

    def gateOf(self, to: str, sender: str) -> RoomGate | None:
        """Tell the outbox whether messages pass to a room."""
        return None if self.rooms is None else self.rooms.gateOf(to, sender)

    def reflected(self, to: str, sender: str, id: str, stanzaID: str) -> None:
        """Tell the outbox of a message that a room has sent back."""
        if self.outbox is not None:
            self.outbox.reflected(to, sender, id, stanzaID)

    def roomChanged(self, to: str, sender: str, gate: RoomGate) -> None:
        """Tell the outbox whether messages pass to a room from now on."""
        if self.outbox is not None:
            self.outbox.roomChanged(to, sender, gate)

    def roomsKnown(self) -> None:
        """Tell the outbox that the memberships are read."""
        if self.outbox is not None:
            self.outbox.roomsKnown()


def makeRoomService(
    config: Config,
    settings: Live[LiveSettings],
    store: Store,
    sender: StanzaSender,
    *,
    link: RoomLink,
    forward: Callable[[Element], None],
    reactor: Any,
) -> RoomService:
    """
    Make the service that keeps bots in rooms.

    @param link: Joins it to the outbox.
    @param forward: Hands an inbound stanza to the callbacks.
    """
    world = Surroundings(
        store, sender, forward, link, reactor, time.time, newID, random.random
    )
    link.rooms = RoomService(
        world,
        config.name,
        lambda: settings.value.roomsAccept,
        domain=config.domain,
    )
    return link.rooms
