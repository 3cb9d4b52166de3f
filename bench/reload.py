"""
What becomes of requests while the configuration is read again, every second.

C{python -m bench.reload [--seconds 60] [--rate 1000]} has a gateway on Prosody asked at
that rate, for messages and for a ping each fifth time, and written to by users all the
while. Once a second its configuration is another one, and it gets a SIGHUP: tokens, of
which two are good at a time, limits, secrets, a callback that comes and goes.

It prints a table, and ends with status 1 if any request has failed, any message has not
come to a callback, or the gateway has not gone on with what there was to read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from statistics import quantiles

from tests.support.gateway_process import GatewayProcess
from tests.support.process import LOOPBACK, ServerProcess
from tests.support.prosody import Prosody

from .harness.callback_server import NO_CONTENT, CallbackProtocol, RequestLog
from .harness.component import LoadComponent
from .harness.http import Reader
from .harness.polling import waitUntil
from .load.open_loop import Connection, OpenLoopSchedule, Queue, runSchedule
from .reporting.rst_table import table

#: Seconds between two signals, and between two messages that come in.
TURN = 1.0
INBOUND = 0.02
CONNECTIONS = 16
#: Of so many requests, one is a ping.
PINGED = 5
#: Seconds within which anything that is to happen has happened.
PATIENCE = 120.0

_LABEL = re.compile(rb"<body>n(\d+)</body>")
_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def tokenOf(turn: int) -> str:
    """The newer one of the two tokens that are good in a turn."""
    return f"token-of-turn-{turn}"


def written(path: str, token: str, body: str) -> bytes:
    """A request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class ReloadingGateway(GatewayProcess):
    """
    A gateway with a file that changes.
    """

    def __init__(self, server: ServerProcess, callback: str) -> None:
        super().__init__(server, server.componentDomain, callback, "sqlite:xmpprest.db")
        del self._settings["XMPPREST_CREDENTIALS"]
        del self._settings["XMPPREST_CALLBACK_URL"]
        self._settings["XMPPREST_CONFIG"] = str(self.directory / "xmpprest.toml")
        self._callback = callback
        self._domain = server.componentDomain
        self.write(0)

    def write(self, turn: int) -> None:
        """Write the files of a turn."""
        tokens = "".join(f"Bearer {tokenOf(each)}\n" for each in (turn - 1, turn))
        (self.directory / "credentials").write_text(tokens)
        (self.directory / "signing").write_text(f"{_SIGNING}\n")
        lines = [
            f'credentials-file = "{self.directory}/credentials"',
            f'callback-url = "{self._callback}all"',
            f"callback-connections = {8 + turn % 8}",
            f"waiting-limit = {10_000 + turn}",
            f"iq-timeout = {60 + turn % 60}",
        ]
        if turn % 2:
            lines += [
                "[[callbacks]]",
                'name = "own"',
                f'url = "{self._callback}own"',
                f'to = ["own@{self._domain}"]',
                f'signing-secret-file = "{self.directory}/signing"',
            ]
        (self.directory / "xmpprest.toml").write_text("\n".join(lines))

    def hangUp(self) -> None:
        """Have it read them."""
        os.kill(self.pid, signal.SIGHUP)


class InboundLog(RequestLog):
    """
    What has come to the callbacks.

    @ivar messages: How often each has, by its number.
    @ivar paths: How many came to each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: Counter[int] = Counter()
        self.paths: Counter[str] = Counter()

    def see(self, request: bytes) -> bytes:
        """A request, all of it; returns the answer."""
        label = _LABEL.search(request)
        if label is not None:
            self.messages[int(label[1])] += 1
            self.paths[request.split(b" ", 2)[1].decode()] += 1
        return NO_CONTENT


class ReloadRun:
    """
    A gateway under load, whose configuration changes.

    @ivar turns: How often it has.
    @ivar statuses: How often each was answered.
    @ivar failed: How many requests were not answered, or not well.
    @ivar late: How many there was no time for on this machine.
    @ivar times: How many seconds each that was answered has taken.
    @ivar sent: How many messages users have written.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.turns = 0
        self.statuses: Counter[int] = Counter()
        self.failed = self.late = self.sent = 0
        self.times: list[float] = []
        self.came = InboundLog()
        self._server = server
        self._peer = LoadComponent(server, server.peerDomain)
        #: The token of each request that is not answered yet.
        self._asked: dict[int, str] = {}
        self._token = tokenOf(0)
        self._isOver = False

    async def run(self, rate: float, seconds: float) -> None:
        """All of it."""
        loop = asyncio.get_running_loop()
        serving = await loop.create_server(
            lambda: CallbackProtocol(self.came), LOOPBACK, 0
        )
        port = serving.sockets[0].getsockname()[1]
        self._gateway = ReloadingGateway(self._server, f"http://{LOOPBACK}:{port}/")
        await asyncio.to_thread(self._gateway.start)
        await self._peer.connect()
        await self._reach("/rest", tokenOf(0), "It was never ready.")
        others = [asyncio.create_task(each()) for each in (self._turn, self._write)]
        try:
            await self._ask(rate, seconds)
            await waitUntil(
                lambda: self.turns > 1 and len(self.came.paths) > 1, PATIENCE
            )
        finally:
            self._isOver = True
            await asyncio.gather(*others)
            await waitUntil(lambda: len(self.came.messages) == self.sent, PATIENCE)
            await self._peer.close()
            await asyncio.to_thread(self._gateway.stop)
            serving.close()

    async def _ask(self, rate: float, seconds: float) -> None:
        """Ask at a rate, as far as the machine can; wait for all answers."""
        loop = asyncio.get_running_loop()
        pacing = OpenLoopSchedule(rate, int(rate * seconds), loop.time)

        def answered(number: int, status: int) -> None:
            pacing.answered(number)
            del self._asked[number]
            self.statuses[status] += 1

        queue = Queue(answered)
        for _ in range(CONNECTIONS):
            await loop.create_connection(
                lambda: Connection(queue, self._request), LOOPBACK, self._gateway.port
            )
        await runSchedule(pacing, queue.send, patience=TURN)
        self.late = queue.drop()
        await waitUntil(lambda: not self._asked, PATIENCE)
        self.times = pacing.times
        self.failed = len(self._asked)
        self.failed += sum(n for status, n in self.statuses.items() if status >= 300)

    async def _turn(self) -> None:
        """Once a second, another configuration."""
        loop = asyncio.get_running_loop()
        while not self._isOver:
            began = loop.time()
            await self._change()
            await asyncio.sleep(max(0.0, began + TURN - loop.time()))

    async def _change(self) -> None:
        """
        Change it, and see that it has changed: the token of the turn is good from then
        on, and that of the last but one no longer.
        """
        turn = self.turns + 1
        # Nobody has the other any more, once those are answered that had.
        self._token = tokenOf(turn - 1)
        await self._until(lambda: set(self._asked.values()) <= {self._token})
        await self._expect(tokenOf(turn), 401)
        self._gateway.write(turn)
        self._gateway.hangUp()
        await self._reach("/rest/echo", tokenOf(turn), f"It did not take {turn}.")
        await self._expect(tokenOf(turn - 1), 200)
        await self._expect(tokenOf(turn - 2), 401)
        self.turns = turn

    async def _until(self, done: Callable[[], bool]) -> None:
        if not await waitUntil(done, PATIENCE):
            raise SystemExit("A request is not answered.")

    async def _reach(self, path: str, token: str, fault: str) -> None:
        """Ask for a ping until it is answered by 200."""
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while await self._status(path, token) != 200:
            if loop.time() > end:
                raise SystemExit(fault)
            await asyncio.sleep(0.01)

    async def _expect(self, token: str, status: int) -> None:
        got = await self._status("/rest/echo", token)
        if got != status:
            raise SystemExit(f"{token} got {got}, not {status}.")

    async def _status(self, path: str, token: str) -> int:
        """What somebody gets who has just connected."""
        reading, writing = await asyncio.open_connection(LOOPBACK, self._gateway.port)
        writing.write(written(path, token, self._ping))
        answers, status = Reader(), None
        while status is None:
            status = answers.feed(await reading.read(65536))
        writing.close()
        return status

    @property
    def _ping(self) -> str:
        return f'{{"to": "{self._server.host}", "ping": true}}'

    async def _write(self) -> None:
        """Users write, also to one that has a callback of its own at times."""
        while not self._isOver:
            to = ("own", "bot")[self.sent % 2]
            address = f"{to}@{self._server.componentDomain}"
            self._peer.message(self.sent % 7, address, f"n{self.sent}")
            self.sent += 1
            await asyncio.sleep(INBOUND)

    def _request(self, number: int) -> bytes:
        self._asked[number] = self._token
        if number % PINGED == 0:
            body = self._ping
        else:
            body = f'{{"to": "p@{self._server.peerDomain}", "body": "Hello {number}"}}'
        return written("/rest", self._token, body)


def rows(trial: ReloadRun) -> list[tuple[str, ...]]:
    """The table."""
    cuts = quantiles(trial.times, n=1000, method="inclusive")
    doubles = sum(trial.came.messages.values()) - len(trial.came.messages)
    return [
        ("What", "How many"),
        ("configurations that were read", f"{trial.turns}"),
        ("requests", f"{trial.statuses.total()}"),
        ("failed", f"{trial.failed}"),
        ("not made, for lack of time", f"{trial.late}"),
        ("milliseconds, median", f"{1000 * cuts[499]:.1f}"),
        ("milliseconds, 99 %", f"{1000 * cuts[989]:.1f}"),
        ("milliseconds, 99.9 %", f"{1000 * cuts[998]:.1f}"),
        ("messages from users", f"{trial.sent}"),
        ("posted to the callbacks", f"{len(trial.came.messages)}"),
        ("twice", f"{doubles}"),
        *((f"to {path}", f"{n}") for path, n in sorted(trial.came.paths.items())),
    ]


def main() -> None:
    """
    Run it.

    @raise SystemExit: With status 1, if something is wrong.
    """
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=1000.0, help="requests a second")
    asked = parser.parse_args()
    server = Prosody()
    server.start()
    try:
        trial = ReloadRun(server)
        asyncio.run(trial.run(asked.rate, asked.seconds))
    finally:
        server.stop()
    print(table(rows(trial)))
    missing = trial.sent - len(trial.came.messages)
    if trial.failed or missing or not trial.turns or len(trial.came.paths) < 2:
        raise SystemExit(f"Wrong: {dict(trial.statuses)}, {missing} missing.")


if __name__ == "__main__":
    main()
