"""
Measures a bot with very many contacts: memory, new streams, floods of requests.

    python -m bench.bots [--contacts 10000] [--seconds 10] [--server Prosody]

A server, a gateway with a store, and a component that has all contacts, each subscribed
to the bot and the bot to it. So on a new stream each gets a presence and a probe. Then
one contact asks for the bot's presence 1,000 times a second, and then as many others
ask once each. L{bench.bot_kills} kills the gateway and the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.ejabberd import Ejabberd
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.prosody import Prosody
from xmpprest.core.bots.contact import Contact, ContactRecord
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.bots.subscription import Half, Subscription
from xmpprest.store.sqlite import bot_queries
from xmpprest.store.sqlite.migrations import migrate

from .harness.component import LoadComponent
from .harness.polling import waitForCount
from .harness.process_stats import cpuSeconds, residentBytes

SERVERS: Mapping[str, type[ServerProcess]] = {"Prosody": Prosody, "ejabberd": Ejabberd}
#: Requests per second, and how many of them are written at once.
RATE, BURST = 1000, 20


_ERROR = re.compile(rb"<presence[^>]* type=.error.")


class Contacts(LoadComponent):
    """
    A component that counts presence.

    @ivar presences: The number of presence stanzas with content, without errors.
    @ivar others: The number of presence stanzas without content, such as probes.
    """

    presences = others = 0

    def _received(self, data: bytes) -> None:
        super()._received(data)
        # Prosody answers for a component that is away.
        errors = len(_ERROR.findall(data))
        full = data.count(b"</presence>")
        self.presences += full - errors
        self.others += data.count(b"<presence") - full


def fill(path: Path, bot: str, domain: str, contacts: int) -> None:
    """Make a store with a bot and its contacts."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection)
    connection.execute("BEGIN")
    bot_queries.save(connection, Bot(bot, Profile(status="Ask me for a city")))
    both = Subscription(Half.ACTIVE, Half.ACTIVE)
    bot_queries.saveContacts(
        connection,
        [
            ContactRecord(bot, Contact(f"p{number:06}@{domain}", both))
            for number in range(contacts)
        ],
    )
    connection.execute("COMMIT")
    connection.close()


class MeasuredGateway:
    """
    A gateway process with a store.
    """

    def __init__(self, server: ServerProcess, contacts: int) -> None:
        domain = server.componentDomain
        self.bot = f"weather@{domain}"
        self.process = GatewayProcess(
            server, domain, f"http://{LOOPBACK}:1/", "sqlite:store/bench.db"
        )
        store = self.process.storeDirectory / "bench.db"
        fill(store, self.bot, server.peerDomain, contacts)

    def metrics(self) -> Mapping[str, float]:
        """Return the metrics, each the sum of its series."""
        request = Request(
            f"http://{LOOPBACK}:{self.process.port}/metrics",
            headers={"Authorization": f"Bearer {TOKEN}"},
        )
        with urlopen(request, timeout=10) as response:
            text = response.read().decode()
        found: dict[str, float] = {}
        for name, value in re.findall(r"(?m)^(\w+)(?:\{.*\})? (\S+)$", text):
            found[name] = found.get(name, 0.0) + float(value)
        return found

    def put(self, **profile: str) -> None:
        """Change the bot's profile."""
        request = Request(
            f"http://{LOOPBACK}:{self.process.port}/rest/bots/{self.bot}",
            json.dumps(profile).encode(),
            {
                "Authorization": f"Bearer {TOKEN}",
                "Content-Type": "application/json",
            },
            method="PUT",
        )
        with urlopen(request, timeout=10) as response:
            response.read()


async def measureMemory(server: ServerProcess) -> int:
    """Return the resident bytes of a gateway with a bot without contacts."""
    gateway = MeasuredGateway(server, 0)
    await asyncio.to_thread(gateway.process.start)
    try:
        await asyncio.sleep(2)
        turn = gateway.metrics()["xmpprest_reactor_turn_max_seconds"]
        print(f"longest turn without contacts{turn * 1000:9.1f} ms")
        return residentBytes(gateway.process.pid)
    finally:
        await asyncio.to_thread(gateway.process.stop)


async def measureStream(
    gateway: MeasuredGateway, peer: Contacts, contacts: int, base: int
) -> None:
    """
    Start a gateway, and print the time and the memory until its first stream is ready.
    """
    began = time.monotonic()
    await asyncio.to_thread(gateway.process.start)
    await _until(lambda: peer.presences > 0)
    first = time.monotonic()
    seconds = await waitForCount(lambda: peer.presences + peer.others, 2 * contacts)
    now = time.monotonic()
    turn = gateway.metrics()["xmpprest_reactor_turn_max_seconds"]
    size = residentBytes(gateway.process.pid) - base
    print(f"contacts with presence       {peer.presences:9,} of {contacts:,}")
    print(f"contacts with a probe        {peer.others:9,}")
    print(f"from the first to the last   {seconds:9.2f} s")
    print(f"from the start of the process{now - began:9.2f} s", end="")
    print(f", of which {first - began:.2f} s until the first presence")
    print(f"longest reactor turn         {turn * 1000:9.1f} ms")
    print(f"CPU                          {cpuSeconds(gateway.process.pid):9.2f} s")
    print(f"memory, beyond an empty one  {size / 2**20:9.1f} MiB", end="")
    print(f", {size / contacts:,.0f} bytes a contact")


async def measureChange(
    gateway: MeasuredGateway, peer: Contacts, contacts: int
) -> None:
    """
    Change the bot's profile, and print how long all its subscribers take to be told.
    """
    gateway.metrics()
    cpu, before = cpuSeconds(gateway.process.pid), peer.presences
    await asyncio.to_thread(gateway.put, status="Closed")
    seconds = await waitForCount(lambda: peer.presences - before, contacts)
    used = cpuSeconds(gateway.process.pid) - cpu
    turn = gateway.metrics()["xmpprest_reactor_turn_max_seconds"]
    print(f"changed profile, to the last {seconds:9.2f} s", end="")
    print(f", {used / contacts * 1e6:.0f} µs of CPU a contact", end="")
    print(f", longest turn {turn * 1000:.1f} ms")


async def measureFlood(
    gateway: MeasuredGateway, peer: Contacts, name: str, total: int, *, isOne: bool
) -> None:
    """
    Ask for the bot's presence at L{RATE}, and print what it takes.

    @param isOne: Whether one contact asks all the time, or each asks once.
    """
    before, answered = gateway.metrics(), peer.presences + peer.others
    cpu, began = cpuSeconds(gateway.process.pid), time.monotonic()
    size, stored = residentBytes(gateway.process.pid), before["xmpprest_bot_contacts"]
    for start in range(0, total, BURST):
        for number in range(start, start + BURST):
            sender = "one" if isOne else f"new{number}"
            peer.write(
                f"<presence type='subscribe' from='{sender}@{peer.domain}'"
                f" to='{gateway.bot}'/>"
            )
        await peer.drain()
        await asyncio.sleep(max(0.0, began + start / RATE - time.monotonic()))
    await asyncio.sleep(2)
    used = cpuSeconds(gateway.process.pid) - cpu
    now = gateway.metrics()
    seconds = total / RATE
    print(f"{name:<29}{used / seconds * 100:8.1f} % of a core", end="")
    print(f", {used / total * 1e6:.0f} µs each", end="")
    calls = "xmpprest_store_commit_calls_sum"
    print(f", {now[calls] - before[calls]:,.0f} calls of the store", end="")
    print(f", {peer.presences + peer.others - answered:,} stanzas sent", end="")
    turn = now["xmpprest_reactor_turn_max_seconds"]
    print(f", longest turn {turn * 1000:.1f} ms", end="")
    size = residentBytes(gateway.process.pid) - size
    contacts = now["xmpprest_bot_contacts"] - stored
    print(f", {contacts:,.0f} contacts and {size / 2**20:.1f} MiB more")


async def _until(isSo: Callable[[], bool], patience: float = 60.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + patience
    while not isSo():
        if time.monotonic() > deadline:
            raise AssertionError("nothing has come")
        await asyncio.sleep(0.005)


async def measure(server: ServerProcess, contacts: int, seconds: int) -> None:
    """Measure, and print a line for each figure."""
    await asyncio.to_thread(server.start)
    peer = Contacts(server, server.peerDomain)
    gateway = MeasuredGateway(server, contacts)
    try:
        await peer.connect()
        base = await measureMemory(server)
        await measureStream(gateway, peer, contacts, base)
        await measureChange(gateway, peer, contacts)
        total = RATE * seconds
        await measureFlood(gateway, peer, "one contact asks", total, isOne=True)
        await measureFlood(gateway, peer, "new contacts ask", total, isOne=False)
    finally:
        await asyncio.to_thread(gateway.process.stop)
        await peer.close()
        server.stop()


def main() -> None:
    """Measure with the numbers of the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=10, help="of each flood")
    parser.add_argument("--server", choices=SERVERS, default="Prosody")
    options = parser.parse_args()
    server = SERVERS[options.server]()
    asyncio.run(measure(server, options.contacts, options.seconds))


if __name__ == "__main__":
    main()
