"""
Compares the CPU time of a message of a room with that of a chat message, to a callback.

    python -m bench.room_delivery [--rounds 7] [--messages 2000]

A gateway on Prosody, once with a store and once without, whose bot is in twenty rooms
without an archive and in twenty with one. In each round twenty senders send so many
messages of each kind, at 400 a second: chat messages to the bot, and messages to their
rooms. The figures are the gateway's CPU microseconds a message, medians of the rounds;
the ratio is the median of each round's ratio to the chat messages.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from statistics import median

from tests.support.prosody import Prosody

from .harness.callback_server import CallbackProcess
from .harness.component import HELLO, LoadComponent
from .harness.polling import waitForCount, waitUntil
from .harness.process_stats import cpuSeconds
from .room_scale import RoomsGateway

SENDERS, RATE = 20, 400
CHAT, PLAIN, ARCHIVED = "chat", "room", "room with an archive"
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

    async def talk(self, to: Sequence[str], count: int, type: str) -> None:
        """Send messages, each sender to its address in turn."""
        began = time.monotonic()
        for number in range(count):
            sender = number % SENDERS
            self.write(
                f"<message from='t{sender}@{self.domain}/x' to='{to[sender]}'"
                f" type='{type}' id='{type}{number}-{began}'><body>{HELLO}</body>"
                "</message>"
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
    addresses = {
        CHAT: [f"bot@{server.componentDomain}"] * SENDERS,
        PLAIN: [f"r{each}@{server.plainMUCDomain}" for each in range(SENDERS)],
        ARCHIVED: [f"r{each}@{server.mucDomain}" for each in range(SENDERS)],
    }
    rooms = [*addresses[PLAIN], *addresses[ARCHIVED]]
    try:
        await talkers.connect()
        await asyncio.to_thread(gateway.process.start)
        await gateway.waitForStream()
        await asyncio.to_thread(gateway.create, rooms)
        for number, room in enumerate(rooms):
            talkers.enter(number % SENDERS, room)
        await waitUntil(lambda: talkers.entered >= len(rooms), 60)
        await asyncio.sleep(1)
        found: dict[str, list[float]] = {each: [] for each in addresses}
        for _ in range(rounds):
            for kind, to in addresses.items():
                before, cpu = callback.count(), cpuSeconds(gateway.process.pid)
                type = "chat" if kind == CHAT else "groupchat"
                await talkers.talk(to, messages, type)
                await waitForCount(callback.count, before + messages)
                arrived = callback.count() - before
                assert arrived == messages, f"{arrived} of {messages}, {kind}"
                used = cpuSeconds(gateway.process.pid) - cpu
                found[kind].append(used / messages * 1e6)
        _show(store, found)
    finally:
        await asyncio.to_thread(gateway.process.stop)
        await talkers.close()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(callback.stop)


def _show(store: str, found: Mapping[str, Sequence[float]]) -> None:
    """Print the medians, and the ratios to the chat messages."""
    for kind, times in found.items():
        ratio = median(one / chat for one, chat in zip(times, found[CHAT], strict=True))
        print(f"{store.partition(':')[0]:<8}{kind:<22}", end="")
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
