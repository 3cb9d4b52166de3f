"""
Measures very many rooms in one gateway: joins, memory, messages, reactor turns.

    python -m bench.room_scale [--rooms 1000] [--occupants 50]

Prosody, a gateway with a store, and a component with the other occupants of all rooms.
First the bot creates the rooms, and the gateway starts again with empty ones. Then the
others enter while the gateway is stopped, and it starts again, and once more while a
message is POSTed to each room.

It exits with status 1 if a message was refused or did not reach its room, or if the bot
is not in all full rooms within 30 seconds of the start of the process. C{chrt -r 1
python -m bench.room_scale} goes before other programs on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import LOOPBACK
from tests.support.prosody import Prosody

from .harness.callback_server import CallbackProcess
from .harness.component import LoadComponent
from .harness.crowded_prosody import CrowdedProsody
from .harness.polling import waitUntil
from .harness.process_stats import cpuSeconds, residentBytes

ROOMS, OCCUPANTS = 1000, 50
#: Seconds within which the bot must be in all rooms.
GOAL = 30.0
#: Seconds after which a step has failed.
PATIENCE = 600.0

_MUC = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"


class Crowd(LoadComponent):
    """
    The other occupants.

    @ivar entered: How many rooms the first of them is in.
    @ivar heard: How many copies of the bot's messages they have received.
    """

    entered = heard = 0

    def _received(self, data: bytes) -> None:
        super()._received(data)
        self.entered += data.count(b"code='110'")
        self.heard += data.count(b"Hello from the bot</body>")

    async def fill(self, rooms: Sequence[str]) -> None:
        """Enter all rooms; each then fills itself."""
        for room in rooms:
            sender = f"crowd0@{self.domain}/x"
            self.write(
                f"<presence from='{sender}' to='{room}/Occupant 0'>{_MUC}</presence>"
            )
        await self.drain()
        if not await waitUntil(lambda: self.entered >= len(rooms), PATIENCE):
            raise SystemExit(f"the crowd is in {self.entered} rooms only")


class RoomsGateway:
    """
    A gateway process whose bot is in rooms.

    @ivar server: The server.
    @ivar serverCPU: The CPU seconds of the server before the last start.
    @ivar repeated: How often a message was POSTed again because of a 503.
    @ivar longest: Seconds of the longest reactor turn since this was set to 0.
    """

    def __init__(
        self, server: Prosody, callback: str, store: str = "sqlite:store/rooms.db"
    ) -> None:
        self.server = server
        self.longest = self.serverCPU = 0.0
        self.repeated = 0
        self.process = GatewayProcess(
            server,
            server.componentDomain,
            callback,
            store,
            settings={"XMPPREST_CALLBACK_CONTENT_TYPE": "json"},
        )

    def client(self) -> HTTPConnection:
        """Make a connection."""
        return HTTPConnection(LOOPBACK, self.process.port, timeout=60)

    def ask(
        self, client: HTTPConnection, method: str, path: str, value: object = None
    ) -> tuple[int, bytes]:
        """Make a request; status 0 if the gateway does not listen yet."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        body = None
        if value is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(value)
        try:
            client.request(method, path, body, headers)
            with client.getresponse() as response:
                return response.status, response.read()
        except OSError:
            client.close()
            return 0, b""

    def metrics(self) -> Mapping[str, float]:
        """Return the metrics by name and labels; without any before the start."""
        status, text = self.ask(self.client(), "GET", "/metrics")
        if status != 200:
            return {}
        lines = re.findall(r"(?m)^(\w+(?:\{.*\})?) (\S+)$", text.decode())
        found = {name: float(value) for name, value in lines}
        turn = found["xmpprest_reactor_turn_max_seconds"]
        self.longest = max(self.longest, turn)
        return found

    @property
    def joined(self) -> int:
        """The number of rooms that the bot is in."""
        return int(self.metrics().get('xmpprest_rooms{state="joined"}', 0))

    async def waitForStream(self) -> None:
        """
        Wait until the gateway has a stream.

        @raise SystemExit: It has none.
        """
        for _ in range(600):
            found = await asyncio.to_thread(self.metrics)
            if found.get("xmpprest_stream_up") == 1:
                return
            await asyncio.sleep(0.1)
        raise SystemExit("the gateway has no stream")

    def create(self, rooms: Sequence[str]) -> None:
        """Let the bot create rooms."""
        with ThreadPoolExecutor(8) as pool:
            for room, status in zip(rooms, pool.map(self._create, rooms), strict=True):
                if status != 200:
                    raise SystemExit(f"PUT {room}: {status}")

    def _create(self, room: str) -> int:
        client = self.client()
        status, _ = self.ask(client, "PUT", f"/rest/rooms/{room}", {"create": True})
        client.close()
        return status

    def post(self, rooms: Sequence[str]) -> list[int]:
        """POST a message to each room; return the statuses other than 202."""
        client, refused = self.client(), []
        for room in rooms:
            message = {"body": "Hello from the bot", "id": f"hello-{room}"}
            path = f"/rest/message/groupchat/{room}"
            # Until the gateway has read its rooms, it asks to try again.
            while (status := self.ask(client, "POST", path, message)[0]) in (0, 503):
                self.repeated += status == 503
                time.sleep(0.05)
            if status != 202:
                refused.append(status)
        client.close()
        return refused

    def states(self, rooms: Sequence[str]) -> Mapping[str, int]:
        """Return the states of the messages that L{post} has sent, and their number."""
        client, found = self.client(), Counter[str]()
        for room in rooms:
            _, body = self.ask(client, "GET", f"/rest/outbox?id=hello-{room}")
            (one,) = json.loads(body)["messages"]
            found[one["state"]] += 1
        client.close()
        return found

    def occupants(self) -> int:
        """Return the number of occupants of all rooms."""
        _, body = self.ask(self.client(), "GET", "/rest/rooms")
        rooms: list[dict[str, Any]] = json.loads(body)
        return sum(each["occupants"] for each in rooms)


async def measureStart(gateway: RoomsGateway, rooms: int) -> tuple[float, int]:
    """
    Wait until a gateway that is starting is in all rooms.

    @return: The seconds since now, and the resident bytes of the process.
    """
    gateway.serverCPU = cpuSeconds(gateway.server.pid)
    began, joined, gateway.longest = time.monotonic(), 0, 0.0
    while joined < rooms:
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"the bot is in {joined} rooms only")
        await asyncio.sleep(0.2)
        joined = await asyncio.to_thread(lambda: gateway.joined)
    seconds = time.monotonic() - began
    await asyncio.sleep(2)
    return seconds, residentBytes(gateway.process.pid)


async def measure(rooms: int, occupants: int) -> Sequence[str]:
    """
    Measure, and print a line for each figure.

    @return: What was not as it should be.
    """
    server, callback = CrowdedProsody(occupants - 1), CallbackProcess()
    await asyncio.to_thread(server.start)
    crowd, gateway = (
        Crowd(server, server.peerDomain),
        RoomsGateway(server, callback.url),
    )
    names = [f"room{number}@{server.plainMUCDomain}" for number in range(rooms)]
    try:
        await crowd.connect()
        await asyncio.to_thread(gateway.process.start)
        await gateway.waitForStream()
        await asyncio.sleep(2)
        base = residentBytes(gateway.process.pid)
        print(f"memory without rooms         {base / 2**20:9.1f} MiB", flush=True)
        began = time.monotonic()
        await asyncio.to_thread(gateway.create, names)
        print(f"rooms created by PUT         {time.monotonic() - began:9.1f} s")
        await asyncio.to_thread(gateway.process.shutdown)
        await asyncio.to_thread(gateway.process.start)
        seconds, empty = await measureStart(gateway, rooms)
        _show("empty rooms", gateway, seconds)
        size = empty - base
        print(f"memory, rooms only           {size / 2**20:9.1f} MiB", end="")
        print(f", {size / rooms:,.0f} bytes a room", flush=True)
        await asyncio.to_thread(gateway.process.shutdown)
        began = time.monotonic()
        others = occupants - 1
        await crowd.fill(names)
        print(f"others entered               {time.monotonic() - began:9.1f} s")
        wrong = await measureFull(gateway, names, others, empty)
        return [*wrong, *await measureMessages(gateway, crowd, names, others)]
    finally:
        await asyncio.to_thread(gateway.process.stop)
        await crowd.close()
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(callback.stop)


async def measureFull(
    gateway: RoomsGateway, names: Sequence[str], others: int, empty: int
) -> Sequence[str]:
    """
    Start the gateway with rooms full of others.

    @param empty: Resident bytes with empty rooms.
    @return: What was not as it should be.
    """
    await asyncio.to_thread(gateway.process.start)
    seconds, full = await measureStart(gateway, len(names))
    _show("full rooms", gateway, seconds)
    added = await asyncio.to_thread(gateway.occupants) - len(names)
    size = full - empty
    print(f"occupants                    {added + len(names):9,}")
    print(f"memory, beyond empty rooms   {size / 2**20:9.1f} MiB", end="")
    print(f", {size / max(added, 1):,.0f} bytes an occupant", flush=True)
    wrong = []
    if added != len(names) * others:
        wrong.append("occupants are missing")
    if seconds > GOAL:
        wrong.append(f"the joins took {seconds:.1f} s")
    return wrong


async def measureMessages(
    gateway: RoomsGateway, crowd: Crowd, names: Sequence[str], others: int
) -> Sequence[str]:
    """
    Start the gateway again, and POST to each room while it joins.

    @return: What was not as it should be.
    """
    await asyncio.to_thread(gateway.process.shutdown)
    heard, wanted = crowd.heard, len(names) * others
    await asyncio.to_thread(gateway.process.start)
    posting = asyncio.create_task(asyncio.to_thread(gateway.post, names))
    seconds, _ = await measureStart(gateway, len(names))
    _show("with messages", gateway, seconds)
    refused = await posting
    await waitUntil(lambda: crowd.heard - heard >= wanted, 60)
    states = await asyncio.to_thread(gateway.states, names)
    print(f"messages refused             {len(refused):9}", end="")
    print(f", and {gateway.repeated} times 503 before the rooms were read")
    print(f"states of the messages       {dict(states)}")
    print(f"copies of messages received  {crowd.heard - heard:9,} of {wanted:,}")
    wrong = {
        "messages were refused": bool(refused),
        "messages are not confirmed": {*states} != {"confirmed"},
        "messages have not reached everybody": crowd.heard - heard != wanted,
    }
    return [text for text, isWrong in wrong.items() if isWrong]


def _show(name: str, gateway: RoomsGateway, seconds: float) -> None:
    gateway.metrics()
    print(f"{name + ', joined after':<29}{seconds:9.1f} s", end="")
    print(f", longest turn {gateway.longest * 1000:.1f} ms", end="")
    server = cpuSeconds(gateway.server.pid) - gateway.serverCPU
    own = cpuSeconds(gateway.process.pid)
    print(f", CPU {own:.1f} s, Prosody's {server:.1f} s", flush=True)


def main() -> None:
    """Measure with the numbers of the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--rooms", type=int, default=ROOMS)
    parser.add_argument("--occupants", type=int, default=OCCUPANTS)
    options = parser.parse_args()
    wrong = asyncio.run(measure(options.rooms, options.occupants))
    if wrong:
        raise SystemExit("; ".join(wrong))


if __name__ == "__main__":
    main()
