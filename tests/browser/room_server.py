"""
An XMPP server with one room: C{python -m tests.browser.room_server ROOM SECRET}. It
prints its port.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.words.xish.domish import Element

from tests.support.room_service import ScriptedRoom, ScriptedRooms
from xmpprest.core.stanza import jid
from xmpprest.demo import DemoPeer, DemoRouter, componentServer

#: Seconds until an iq has no reply.
_TIMEOUT = 10.0


class RoomPeer(DemoPeer):
    """
    The service of the room.
    """

    def __init__(self, room: str, clock: Any) -> None:
        super().__init__(jid.parseJID(room).domain, clock)
        self._rooms = ScriptedRooms(clock, time.time)
        self._rooms.rooms[room] = ScriptedRoom()
        self._rooms.ready = True

    def answer(self, stanza: Element) -> tuple[Element, ...]:
        """Return the stanzas that the service sends because of a stanza."""
        sent: list[Element] = []
        self._rooms.deliver = sent.append
        if stanza.name == "iq":
            reply = self._rooms.request(stanza, _TIMEOUT)
            reply.addCallbacks(sent.extend, lambda _: None)
        else:
            self._rooms.send(stanza)
        return tuple(sent)


def main(reactor: Any, room: str, secret: str) -> Deferred[None]:
    """Serve until it is killed."""
    factory = componentServer(DemoRouter(RoomPeer(room, reactor)), secret, reactor)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print(f"The port is {port.getHost().port}.", flush=True)
    return Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
