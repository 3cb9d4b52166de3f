"""
Measures full garbage collections of a process with very many occupants and contacts.

    python -m bench.collection [--rooms 1000] [--occupants 50] [--contacts 10000]

Rooms with occupants, then a bot with contacts, each of which is online with one device,
are filled in one process by stanzas as servers send them. Times are CPU times of the
thread, so that other programs on the machine do not count.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable

from twisted.internet.task import Clock

from tests.support.bots import BOT, HeldBots, HeldBotStore
from tests.support.doubles import DOMAIN, stanza
from tests.support.room_service import (
    HeldQueue,
    ScriptedRoom,
    ScriptedRooms,
    makeService,
)
from xmpprest.core.bots.contact import Contact, ContactRecord
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.bots.subscription import Half, Subscription
from xmpprest.core.rooms.values import RoomRecord
from xmpprest.rooms.service import RoomService
from xmpprest.service.gc_tuning import tuneGarbageCollection
from xmpprest.store.memory import MemoryStore

OCCUPANT = f"bot@{DOMAIN}/xmpprest"


def measure(name: str, count: int, make: Callable[[], object]) -> object:
    """
    Make a number of things, and print their size and the time of a full collection.

    @return: The things.
    """
    tuneGarbageCollection()
    tracemalloc.start()
    made = make()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    began = time.thread_time()
    gc.collect()
    seconds = time.thread_time() - began
    print(f"{count:9,} {name:<10}{size / max(count, 1):7,.0f} bytes each", end="")
    print(f"{len(gc.get_objects()):9,} objects tracked", end="")
    print(f"{seconds * 1000:8.1f} ms for a full collection", flush=True)
    return made


def joinedRooms(rooms: int) -> RoomService:
    """Make a service whose bot is in so many rooms without other occupants."""
    clock = Clock()
    server, store = ScriptedRooms(clock, clock.seconds), MemoryStore()
    store.open()
    server.delay, server.ready = 0.001, True
    for number in range(rooms):
        room = f"room{number}@rooms.example.org"
        server.rooms[room] = ScriptedRoom()
        store.saveRoom(RoomRecord(room, f"bot@{DOMAIN}", OCCUPANT, "bot"))
    service = makeService(
        server, store, lambda stanza: None, HeldQueue(), clock, now=clock.seconds
    )
    server.deliver = service.intercept
    service.startService()
    while service.counts["joined"] < rooms:
        clock.advance(0.001)
    clock.advance(60)
    return service


def fill(service: RoomService, occupants: int) -> RoomService:
    """Let others enter all rooms, with addresses, ids and a status."""
    for each in service.memberships:
        room = each.record.room
        for number in range(occupants):
            service.intercept(
                stanza(
                    f"<presence from='{room}/Occupant {number}' to='{OCCUPANT}'>"
                    f"<show>away</show><status>At lunch, {number}</status>"
                    f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{room}{number}'/>"
                    "<x xmlns='http://jabber.org/protocol/muc#user'><item"
                    " affiliation='member' role='participant'"
                    f" jid='person{number}@example.org/phone'/></x></presence>"
                )
            )
    assert sum(len(each.occupants) for each in service.memberships) == (
        len(service.memberships) * (occupants + 1)
    )
    return service


def subscribed(contacts: int) -> HeldBots:
    """Make a bot with so many contacts, each online with one device."""
    store, both = HeldBotStore(), Subscription(Half.ACTIVE, Half.ACTIVE)
    store.open()
    store.saveBot(Bot(BOT, Profile(status="Ask me for a city")))
    names = [f"person{number}@example.org" for number in range(contacts)]
    store.saveContacts([ContactRecord(BOT, Contact(each, both)) for each in names])
    store.saved.clear()
    bots = HeldBots(store)
    for each in names:
        bots.receive(
            f"<presence from='{each}/phone' to='{BOT}'><show>away</show>"
            "<status>At lunch</status></presence>"
        )
    assert len(bots.entry().resourcesOf(names[-1])) == 1
    return bots


def main() -> None:
    """Measure with the numbers of the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--rooms", type=int, default=1000)
    parser.add_argument("--occupants", type=int, default=50)
    parser.add_argument("--contacts", type=int, default=10_000)
    options = parser.parse_args()
    service = joinedRooms(options.rooms)
    others = options.occupants - 1
    count = options.rooms * others
    kept = measure("occupants", count, lambda: fill(service, others))
    bots = measure("contacts", options.contacts, lambda: subscribed(options.contacts))
    del kept, bots


if __name__ == "__main__":
    main()
