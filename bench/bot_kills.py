"""
Kills the gateway and the server of a bot, with contacts that are clients of slixmpp.

    python -m bench.bot_kills [--kills 20] [--servers Prosody ejabberd]

Ann and the bot have each other as contacts; Ann is logged in all the time. The callback
is always down. After each C{kill -9} Ann must see the bot online again, and so must
Ben, who logs in only then; the gateway must have both subscriptions, and know that Ann
is online. It exits with status 1 otherwise, or if Ann gets the presence of one stream
of the gateway twice.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http.client import HTTPException
from typing import Any
from urllib.request import Request, urlopen

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from tests.servers.client import User
from tests.servers.peer import PeerLost
from tests.servers.splitter import Received
from tests.support.gateway_process import (
    TOKEN,
    GatewayProcess,
    SurvivalEjabberd,
    SurvivalProsody,
)
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.survival.load import sleep

#: Seconds in which the bot must be online again.
PATIENCE = 60.0
#: Seconds in which a presence that is sent twice would arrive.
SETTLE = 1.5


class KillEjabberd(SurvivalEjabberd):
    """
    An ejabberd whose rosters survive a kill.
    """

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "ejabberd.yml"
        configuration = json.loads(path.read_text())
        configuration["modules"]["mod_roster"] = {"db_type": "sql"}
        path.write_text(json.dumps(configuration))


SERVERS: dict[str, type[ServerProcess]] = {
    "Prosody": SurvivalProsody,
    "ejabberd": KillEjabberd,
}


class Trial:
    """
    A bot on a server.

    @ivar faults: What was wrong, with its number.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.server = SERVERS[name]()
        self.bot = f"weather@{self.server.componentDomain}"
        self.gateway = GatewayProcess(
            self.server,
            self.server.componentDomain,
            f"http://{LOOPBACK}:1/",
            "sqlite:store/bots.db",
        )
        self.faults: Counter[str] = Counter()
        self.ann: User

    async def run(self, kills: int) -> int:
        """Kill both so often, and print how soon the bot was back."""
        try:
            await deferToThread(self.server.start)
            for name in ("ann", "ben"):
                await deferToThread(self.server.register, name, "secret")
            await deferToThread(self.gateway.start)
            await self._subscribe()
            await self._repeat("gateway", self._killGateway, kills)
            await self._repeat("server", self._killServer, kills)
            await self.ann.close()
        finally:
            await deferToThread(self.gateway.stop)
            await deferToThread(self.server.stop)
        return self.faults.total()

    async def _login(self, name: str) -> User:
        user = User(self.server, name)
        await user.ready()
        return user

    async def _subscribe(self) -> None:
        """Let Ann and the bot see each other, and Ben see the bot."""
        path = f"/rest/bots/{self.bot}"
        await self._ask("PUT", path, {"subscriptions": "accept"})
        self.ann, ben = await self._login("ann"), await self._login("ben")
        for user in (self.ann, ben):
            user.send(f"<presence type='subscribe' to='{self.bot}'/>")
            await user.expect("type='subscribed'", self.bot)
            await user.expect(self._isBot)
        contact = f"{path}/contacts/{self.ann.bareJID}"
        await self._ask("PUT", contact, {"subscribe": True})
        await self.ann.expect("type='subscribe'", self.bot)
        self.ann.send(f"<presence type='subscribed' to='{self.bot}'/>")
        await ben.close()
        await sleep(1)

    async def _repeat(
        self, victim: str, kill: Callable[[int], Awaitable[None]], kills: int
    ) -> None:
        times: list[float] = []
        before = self.faults.total()
        for number in range(kills):
            self.ann.received.clear()
            began = time.monotonic()
            await kill(number)
            if not await self._until(lambda: self._seen(self.ann) > 0):
                self.faults["not online again"] += 1
            times.append(time.monotonic() - began)
            await self._check(isNew=victim == "server")
        found = dict(self.faults) if self.faults.total() > before else "no fault"
        times.sort()
        print(
            f"{self.name}: {victim} killed {kills} times, the bot was online again"
            f" after {times[len(times) // 2]:.1f} s, at most {times[-1]:.1f} s;"
            f" {found}",
            flush=True,
        )

    async def _killGateway(self, number: int) -> None:
        await deferToThread(self.gateway.kill)
        await deferToThread(self.gateway.start)

    async def _killServer(self, number: int) -> None:
        """Kill the server; every second time Ann is back before the gateway."""
        await deferToThread(self.server.kill)
        with suppress(PeerLost, TimeoutError):
            await self.ann.close()
        await deferToThread(self.server.start)
        if number % 2:
            await self._ask("GET", "/readyz")
        self.ann = await self._login("ann")

    async def _check(self, *, isNew: bool) -> None:
        """
        Check what Ann and Ben see, and what the gateway knows.

        @param isNew: Whether Ann has logged in anew. Then the bot's presence may come
            twice: because of the new stream, and in answer to her server's probe.
        """
        await sleep(SETTLE)
        if self._seen(self.ann) > (2 if isNew else 1):
            self.faults["presence doubled"] += 1
        ben = await self._login("ben")
        if not await self._until(lambda: self._seen(ben) > 0, 10):
            self.faults["not seen by Ben"] += 1
        if self._seen(ben) > 1:
            self.faults["presence doubled for Ben"] += 1
        await ben.close()
        contacts = await self._ask("GET", f"/rest/bots/{self.bot}/contacts")
        found = {each["jid"]: each for each in contacts}
        ann = found[self.ann.bareJID]
        if (ann["subscription"], found[ben.bareJID]["subscription"]) != (
            "both",
            "from",
        ):
            self.faults["subscription lost"] += 1
        if len(ann["resources"]) != 1:
            self.faults["Ann's presence not known"] += 1

    def _isBot(self, stanza: Received) -> bool:
        return (
            stanza.kind == "presence"
            and stanza.element.get("type") is None
            and stanza.element.get("from", "").startswith(f"{self.bot}/")
        )

    def _seen(self, user: User) -> int:
        """Return how often a user has got the bot's presence."""
        return sum(map(self._isBot, user.received))

    async def _ask(self, method: str, path: str, value: object = None) -> Any:
        """Repeat a request until it succeeds; return the JSON of the response."""
        while True:
            try:
                return await deferToThread(self._request, method, path, value)
            except (OSError, HTTPException):
                await sleep(0.1)

    def _request(self, method: str, path: str, value: object) -> Any:
        request = Request(
            f"http://{LOOPBACK}:{self.gateway.port}{path}",
            None if value is None else json.dumps(value).encode(),
            {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=10) as response:
            return json.loads(response.read())

    async def _until(
        self, isSo: Callable[[], bool], patience: float = PATIENCE
    ) -> bool:
        """Wait until a condition holds, and return whether it does."""
        deadline = time.monotonic() + patience
        while not isSo() and time.monotonic() < deadline:
            await sleep(0.02)
        return isSo()


async def main(reactor: Any, *arguments: str) -> None:
    """Run the trials that the command line asks for."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="of each")
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=[*SERVERS])
    options = parser.parse_args(arguments)
    faults = 0
    for name in options.servers:
        faults += await Trial(name).run(options.kills)
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    react(lambda *each: Deferred.fromCoroutine(main(*each)), sys.argv[1:])
