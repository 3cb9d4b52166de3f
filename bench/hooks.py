"""
Measures what a hook costs, relative to a JSON POST of the message that it makes.

Both run in this process, in turns: the transports are in memory, the store is a SQLite
file as by default, or none with C{--store memory}. 16 clients post at a time. The
figure is CPU time per request, with that of the store's thread; the ratio is the median
of all rounds. Run it with C{python -m bench.hooks}.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic, process_time, sleep
from typing import Any

import yaml
from twisted.internet.testing import MemoryReactorClock

from tests.core.hooks.hooks import SECRET, hookConfig, makeHook
from tests.support.doubles import DOMAIN, HeldServer, HTTPClient
from xmpprest import Config, makeGateway
from xmpprest.config.hook import HookConfig
from xmpprest.core.hooks.request import parseRequest

TOKEN = "token"
PAYLOADS = Path(__file__).parent.parent / "tests/core/hooks/payloads"
#: Requests in a row of one kind, and how many clients post them.
BATCH, CLIENTS = 320, 16

#: What is measured: a name, and the shape and the name of a payload of the tests.
CASES = (
    ("text", None, None),
    ("Alertmanager, one alert", "alertmanager", "firing"),
    ("Alertmanager, three alerts", "alertmanager", "several alerts"),
    ("Slack, one attachment", "slack", "Alertmanager: firing"),
    ("GitHub, push", "github", "first push"),
    ("Uptime Kuma", "uptime-kuma", "down: timeout"),
)


class BenchReactor(MemoryReactorClock):
    """A reactor in memory that takes calls from the store's thread."""

    def __init__(self) -> None:
        super().__init__()
        self._last = monotonic()
        self.fromThreads: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Queue a call from another thread."""
        self.fromThreads.put(lambda: f(*args, **kwargs))

    def turn(self) -> None:
        """Run what is due by now, and what the store's thread has queued."""
        last, self._last = self._last, monotonic()
        self.advance(self._last - last)
        while not self.fromThreads.empty():
            self.fromThreads.get()()


class Bench:
    """A gateway in memory, with clients and a server that confirms all messages."""

    def __init__(self, store: str, hook: HookConfig | None = None) -> None:
        """@param hook: The hook, by default one with the built-in templates."""
        self.reactor = BenchReactor()
        config = Config(
            domain=DOMAIN,
            secret="secret",
            credentials=(TOKEN,),
            store=store,
            hooks=(hook or hookConfig(),),
        )
        gateway = makeGateway(config, self.reactor)
        gateway.service.startService()
        self.service = gateway.service
        (_, _, factory, *_rest) = self.reactor.tcpClients[0]
        protocol: Any = factory.buildProtocol(None)  # a protocol of MemoryReactor's
        self.server = HeldServer(protocol)
        self.server.accept()
        self._site = gateway.site
        self.clients = [self.newClient() for _ in range(CLIENTS)]
        self.settle(lambda: False, 0.5)

    def newClient(self) -> HTTPClient:
        """Connect a client."""
        return HTTPClient(self._site)

    def settle(self, isDone: Callable[[], bool], timeout: float = 30.0) -> None:
        """Run the reactor until something is so, or for some seconds."""
        end = monotonic() + timeout
        while not isDone() and monotonic() < end:
            self.reactor.turn()
            self._confirm()
            # The store's thread works meanwhile.
            sleep(0.0002)

    def _confirm(self) -> None:
        """Answer the barrier, as the server does."""
        for id in re.findall(rb"<iq [^>]*?id='([^']+)'", self.server.transport.taken()):
            self.server.send(
                f"<iq type='result' from='{DOMAIN}' to='{DOMAIN}' id='{id.decode()}'/>"
            )

    def cost(self, request: bytes) -> float:
        """Return the CPU time of one of many requests, in microseconds."""
        before = process_time()
        for _ in range(BATCH // CLIENTS):
            for client in self.clients:
                client.send(request)
            self.settle(lambda: all(c.transport.value() for c in self.clients))
            for client in self.clients:
                head = client.transport.taken()
                assert head.startswith(b"HTTP/1.1 20"), head
        return (process_time() - before) / (BATCH // CLIENTS * CLIENTS) * 1e6

    def stop(self) -> None:
        """Stop the gateway, and the store's thread."""
        self.service.stopService()
        self.settle(lambda: False, 0.5)


def httpRequest(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return a POST as a client writes it."""
    fields = {"Host": "gateway.example", **headers, "Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def payloadOf(shape: str | None, name: str | None) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a payload of the tests."""
    if shape is None:
        return {"content-type": "text/plain"}, b"Backup of db1 has failed"
    cases: list[dict[str, Any]] = yaml.safe_load(
        (PAYLOADS / f"{shape}.yaml").read_text("utf-8")
    )
    (case,) = [each for each in cases if each["name"] == name]
    # As the sender writes it: without the spaces of the file.
    body = json.dumps(json.loads(case["body"]), separators=(",", ":")).encode()
    # A delivery id would make each request but the first a repetition.
    headers = {k: v for k, v in case["headers"].items() if "delivery" not in k}
    return headers, body


def main(arguments: Sequence[str], show: Callable[[str], object] = print) -> None:
    """Print a table of costs."""
    parser = argparse.ArgumentParser(prog="python -m bench.hooks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--case", default="", help="only those with this in their name")
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory:
        file = f"sqlite:{directory}/store.db"
        bench = Bench(file if options.store == "sqlite" else "memory")
        show(f"{'payload':28} {'bytes':>6} {'hook µs':>8} {'JSON µs':>8} {'ratio':>6}")
        for label, shape, name in CASES:
            if options.case not in label:
                continue
            show(_row(bench, options.rounds, label, shape, name))
        bench.stop()


def _row(
    bench: Bench, rounds: int, label: str, shape: str | None, name: str | None
) -> str:
    """Measure a payload; return its line of the table."""
    headers, body = payloadOf(shape, name)
    text = makeHook().message(parseRequest(headers, body)).body
    stanza = {"to": "ann@example.org", "type": "chat", "body": text}
    plain = httpRequest(
        "/rest",
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        json.dumps(stanza, ensure_ascii=False).encode(),
    )
    hook = httpRequest(f"/hooks/alerts/{SECRET}", headers, body)
    pairs = [(bench.cost(hook), bench.cost(plain)) for _ in range(rounds + 1)][1:]
    ratio = median(a / b for a, b in pairs)
    costs = [median(each) for each in zip(*pairs, strict=True)]
    return f"{label:28} {len(body):6} {costs[0]:8.0f} {costs[1]:8.0f} {ratio:6.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
