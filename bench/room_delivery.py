"""
Compares the CPU time of a message of a room with that of a chat message, to a callback.

    python -m bench.room_delivery [--rounds 7] [--messages 2000]

A gateway on Prosody, once with a store and once without, whose bot is in twenty rooms
without an archive and in twenty with one. In each round twenty senders send so many
messages of each kind: to their rooms, and chat messages to the bot with the elements
that the rooms add, an occupant-id and a stanza-id. The figures are the gateway's CPU
microseconds a message, medians of the rounds; the ratio is the median of each round's
ratio to chat messages with the same elements.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.support.prosody import Prosody

from .harness.callback_server import CallbackProcess
from .harness.component import HELLO, LoadComponent
from .harness.polling import waitForCount, waitUntil
from .harness.process_stats import cpuSeconds
from .room_scale import RoomsGateway

SENDERS, RATE = 20, 400
_OCCUPANT = f"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='{'A' * 43}='/>"
_STANZA = f"<stanza-id xmlns='urn:xmpp:sid:0' id='{'a' * 24}' by='r1@rooms.localhost'/>"


class Kind(NamedTuple):
    """
    A kind of message.

    @ivar like: The kind that it is compared with.
    @ivar domain: The domain of the rooms; empty for a chat message.
    @ivar extra: Elements of the message beside its body.
    """

    name: str
    like: str
    domain: str = ""
    extra: str = ""


KINDS = (
    Kind("chat", "chat"),
    Kind("chat, occupant-id", "chat, occupant-id", extra=_OCCUPANT),
    Kind("room", "chat, occupant-id", Prosody.plainMUCDomain),
    Kind("chat, both ids", "chat, both ids", extra=_OCCUPANT + _STANZA),
    Kind("room with an archive", "chat, both ids", Prosody.mucDomain),
)
STORES = ("sqlite:store/rooms.db", "memory")


class Talkers(LoadComponent):
    """
    The senders, each an occupant of two rooms.

    @ivar entered: How many rooms they have entered.
    """

    entered = 0

    def _received(self, data: bytes) -> None:
        super()._received(data)
        self.entered += data.count(b"code='110'")

    def enter(self, number: int, room: str) -> None:
        """Let a sender enter a room."""
        self.write(
            f"<presence from='t{number}@{self.domain}/x' to='{room}/Talker'>"
            "<x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )

    async def talk(self, kind: Kind, to: str, count: int) -> None:
        """
        Send messages.

        @param to: The recipient of a chat message.
        """
        began = time.monotonic()
        type = "groupchat" if kind.domain else "chat"
        for number in range(count):
            sender = number % SENDERS
            address = f"r{sender}@{kind.domain}" if kind.domain else to
            self.write(
                f"<message from='t{sender}@{self.domain}/x' to='{address}'"
                f" type='{type}' id='{number}-{began}'><body>{HELLO}</body>"
                f"{kind.extra}</message>"
            )
            if sender == SENDERS - 1:
                await self.drain()
                due = began + number / RATE
                await asyncio.sleep(max(0.0, due - time.monotonic()))


async def measure(store: str, rounds: int, messages: int) -> None:
    """Measure a gateway with a store, and print a line for each kind of message."""
    server, callback = Prosody(), CallbackProcess()
    await asyncio.to_thread(server.start)
    talkers = Talkers(server, server.peerDomain)
    gateway = RoomsGateway(server, callback.url, store)
    bot = f"bot@{server.componentDomain}"
    rooms = [f"r{n}@{kind.domain}" for kind in KINDS for n in range(SENDERS)]
    rooms = [each for each in rooms if not each.endswith("@")]
    try:
        await talkers.connect()
        await asyncio.to_thread(gateway.process.start)
        await gateway.waitForStream()
        await asyncio.to_thread(gateway.create, rooms)
        for number, room in enumerate(rooms):
            talkers.enter(number % SENDERS, room)
        await waitUntil(lambda: talkers.entered >= len(rooms), 60)
        await asyncio.sleep(1)
        found: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
        for _ in range(rounds):
            for kind in KINDS:
                before, cpu = callback.count(), cpuSeconds(gateway.process.pid)
                await talkers.talk(kind, bot, messages)
                await waitForCount(callback.count, before + messages)
                arrived = callback.count() - before
                assert arrived == messages, f"{arrived} of {messages}, {kind.name}"
                used = cpuSeconds(gateway.process.pid) - cpu
                found[kind.name].append(used / messages * 1e6)
        _show(store, found)
    finally:
        await asyncio.to_thread(gateway.process.stop)
        await talkers.close()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(callback.stop)


def _show(store: str, found: Mapping[str, Sequence[float]]) -> None:
    """Print the medians, and the ratios to the chat messages."""
    for kind in KINDS:
        times, others = found[kind.name], found[kind.like]
        ratio = median(one / other for one, other in zip(times, others, strict=True))
        print(f"{store.partition(':')[0]:<8}{kind.name:<22}", end="")
        print(f"{median(times):7.0f} µs of CPU, ratio {ratio:.2f}", flush=True)


def main() -> None:
    """Measure with the numbers of the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=2000)
    options = parser.parse_args()
    for store in STORES:
        asyncio.run(measure(store, options.rounds, options.messages))


if __name__ == "__main__":
    main()
