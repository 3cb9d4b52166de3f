"""
Requests under load while the configuration is reloaded every second.

C{python -m bench.reload [--seconds 60] [--rate 1000]} runs a gateway on Prosody. It
sends requests at that rate, every fifth a ping, while users send messages to it. Once a
second the configuration changes and the gateway gets a SIGHUP. What changes: tokens, of
which two are valid at a time, limits, secrets, and a callback that comes and goes.

It prints a table. It exits with status 1 if a request failed, a message did not reach a
callback, or the gateway did not apply a configuration.
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

#: Seconds between two signals, and between two inbound messages.
TURN = 1.0
INBOUND = 0.02
CONNECTIONS = 16
#: One of this many requests is a ping.
PINGED = 5
#: Seconds within which every expected event must happen.
PATIENCE = 120.0

_LABEL = re.compile(rb"<body>n(\d+)</body>")
_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def tokenOf(turn: int) -> str:
    """Return the newer of the two tokens that are valid in a turn."""
    return f"token-of-turn-{turn}"


def written(path: str, token: str, body: str) -> bytes:
    """Return the bytes of a request."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class ReloadingGateway(GatewayProcess):
    """
    A gateway whose configuration file changes.
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
        """Write the configuration of a turn."""
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
        """Send SIGHUP to the gateway."""
        os.kill(self.pid, signal.SIGHUP)


class InboundLog(RequestLog):
    """
    A record of the stanzas that the callbacks received.

    @ivar messages: How often each message arrived, by its number.
    @ivar paths: How many requests each path received.
    """

    def __init__(self) -> None:
        super().__init__()
        self.messages: Counter[int] = Counter()
        self.paths: Counter[str] = Counter()

    def see(self, request: bytes) -> bytes:
        """Record a complete request and return the response."""
        label = _LABEL.search(request)
        if label is not None:
            self.messages[int(label[1])] += 1
            self.paths[request.split(b" ", 2)[1].decode()] += 1
        return NO_CONTENT


class ReloadRun:
    """
    A gateway under load, with changing configurations.

    @ivar turns: The number of changes so far.
    @ivar statuses: The number of responses by status.
    @ivar failed: The number of requests without a response, or with an unexpected one.
    @ivar late: The number of requests that this machine was too slow to send.
    @ivar times: The seconds that each response took.
    @ivar sent: The number of messages that users sent.
    """

    def __init__(self, server: ServerProcess) -> None:
        self.turns = 0
        self.statuses: Counter[int] = Counter()
        self.failed = self.late = self.sent = 0
        self.times: list[float] = []
        self.came = InboundLog()
        self._server = server
        self._peer = LoadComponent(server, server.peerDomain)
        #: The token of each request without a response so far.
        self._asked: dict[int, str] = {}
        self._token = tokenOf(0)
        self._isOver = False

    async def run(self, rate: float, seconds: float) -> None:
        """Run the load and the changes."""
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
        """
        Send requests at a rate, as far as the machine can, and wait for all responses.
        """
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
        """Change the configuration once a second."""
        loop = asyncio.get_running_loop()
        while not self._isOver:
            began = loop.time()
            await self._change()
            await asyncio.sleep(max(0.0, began + TURN - loop.time()))

    async def _change(self) -> None:
        """
        Change the configuration and check it: the token of the new turn is valid, the
        token of the last turn but one is not.
        """
        turn = self.turns + 1
        # The other token is unused once its requests are answered.
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
        """Send pings until one is answered with 200."""
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
        """Return the status that a new connection gets."""
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
        """
        Send messages from users, some of them to an address with a callback of its own.
        """
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
    """Return the rows of the table."""
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
    Run the benchmark.

    @raise SystemExit: With status 1 if a check failed.
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
