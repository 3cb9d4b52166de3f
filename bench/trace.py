"""
Counts the calls and the modules that one message takes through the gateway.

It counts the calls of functions of C{xmpprest} in all threads, lambdas included; each
resumption of a coroutine is a call. The transports are in memory, the store is a SQLite
file. Run it with C{python -m bench.trace}; C{--list} prints the calls in their order.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from twisted.internet.testing import MemoryReactorClock

import xmpprest
from tests.support.delivery import HeldConnection
from tests.support.doubles import DOMAIN, HeldServer, HTTPClient
from xmpprest import Config, makeGateway

_PACKAGE = str(Path(xmpprest.__file__).parent)
#: Seconds without a result of the store's thread after which it has nothing to do.
QUIET = 1.0
#: The modules that read and write XML.
XML_MODULES = frozenset(
    f"core/stanza/{name}" for name in ("parser", "serializer", "build", "stored")
)
#: Messages before the one that is traced: what is made once is made by them.
WARM_UP = 3

TOKEN = "trace"
_BODY = "<message type='chat' to='user@example.org'><body>Hello</body></message>"
_POST = (
    f"POST /rest HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer {TOKEN}\r\n"
    f"Content-Type: application/xmpp+xml\r\nContent-Length: {len(_BODY)}\r\n\r\n{_BODY}"
).encode()


@dataclass
class Trace:
    """
    The calls of the package's functions while it is active.

    @ivar calls: Of each, its module and its name.
    """

    isActive: bool = False
    calls: list[tuple[str, str]] = field(default_factory=list)

    def profile(self, frame: FrameType, event: str, argument: object) -> None:
        """Record a call, as C{sys.setprofile} tells it."""
        if event != "call" or not self.isActive:
            return
        file = frame.f_code.co_filename
        if file.startswith(_PACKAGE):
            module = file[len(_PACKAGE) + 1 : -len(".py")]
            self.calls.append((module, frame.f_code.co_qualname))

    def summary(self, end: int | None = None) -> str:
        """
        Count the calls and their modules.

        @param end: The number of calls to count; C{None} for all.
        """
        calls = self.calls[:end]
        flow = [each for each in calls if each[0] not in XML_MODULES]
        return f"{_count(calls)}; without reading and writing XML {_count(flow)}"


def _count(calls: Sequence[tuple[str, str]]) -> str:
    return f"{len(calls)} calls in {len({module for module, _ in calls})} modules"


class TracedReactor(MemoryReactorClock):
    """A reactor in memory that runs the results of the store's thread when told."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Queue a call from another thread."""
        self._calls.put(lambda: f(*args, **kwargs))

    def settle(self) -> None:
        """Run what other threads have queued, until they have nothing to do."""
        while True:
            self.pump([0.001] * 10)
            try:
                call = self._calls.get(timeout=QUIET)
            except Empty:
                return
            call()


class TracedGateway:
    """A gateway with a SQLite store, and the ends of its server and its callback."""

    def __init__(self, trace: Trace, directory: str) -> None:
        self._trace = trace
        self.reactor = TracedReactor()
        config = Config(
            domain=DOMAIN,
            secret="secret",
            credentials=(TOKEN,),
            callbackURL="http://127.0.0.1:9999/",
            store=f"sqlite:{directory}/trace.db",
        )
        gateway = makeGateway(config, self.reactor)
        gateway.service.startService()
        self.service = gateway.service
        self.client = HTTPClient(gateway.site)
        self.server = HeldServer(self._connection(5347))
        self.server.accept()
        self.callback = HeldConnection(self.reactor, self._connection(9999))
        self.callback.request()
        self.callback.answer(405)
        self.reactor.settle()

    def _connection(self, port: int) -> Any:  # a protocol of MemoryReactor's
        factories = [each[2] for each in self.reactor.tcpClients if each[1] == port]
        return factories[-1].buildProtocol(None)

    def post(self) -> int:
        """
        Post a message, and let it be confirmed and recorded.

        @return: The number of calls until the response is written.
        """
        answered: list[int] = []
        transport = self.client.transport
        write = transport.write

        def watch(data: bytes) -> None:
            write(data)
            answered.append(len(self._trace.calls))

        transport.write = watch  # type: ignore[method-assign]
        self._step(lambda: self.client.send(_POST))
        transport.write = write  # type: ignore[method-assign]
        assert self.client.response().status == 202
        written = self.server.stanzas()
        assert [each.name for each in written] == ["message", "iq"]
        self._step(lambda: self.server.send(written[1].toXml()))
        return answered[-1]

    def receive(self) -> int:
        """
        Let a message arrive, and answer the POST by 204.

        @return: The number of calls until the request is written.
        """
        self._step(
            lambda: self.server.send(
                "<message type='chat' from='user@example.org/1' to='bot@"
                f"{DOMAIN}' id='1'><body>Hello</body></message>"
            )
        )
        if not self.callback.isOpen:
            # It was idle for too long.
            self.callback = HeldConnection(self.reactor, self._connection(9999))
        assert self.callback.request().method == "POST"
        posted = len(self._trace.calls)
        self._step(lambda: self.callback.answer(204))
        return posted

    def _step(self, act: Callable[[], object]) -> None:
        """Do something that is traced with all that follows from it."""
        sys.setprofile(self._trace.profile)
        try:
            act()
            self.reactor.settle()
        finally:
            sys.setprofile(None)

    def rest(self) -> None:
        """Let timers go off that wait after a message; they are not traced."""
        active, self._trace.isActive = self._trace.isActive, False
        for _ in range(3):
            self.reactor.advance(0.3)
            self.reactor.settle()
        self.server.stanzas()
        self._trace.isActive = active

    def traced(self, act: Callable[[], int]) -> tuple[Trace, int]:
        """
        Trace the last of several messages.

        @return: The calls, and what C{act} has returned.
        """
        for _ in range(WARM_UP):
            act()
            self.rest()
        self._trace.calls, self._trace.isActive = [], True
        result = act()
        self._trace.isActive = False
        found = Trace(calls=self._trace.calls)
        self.rest()
        return found, result


def main(arguments: Sequence[str]) -> None:
    """Print the calls of a message in each direction."""
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print each call")
    options = parser.parse_args(arguments)
    trace = Trace()
    # For the store's thread; that of the reactor is traced while it does something.
    threading.setprofile(trace.profile)
    with TemporaryDirectory() as directory:
        gateway = TracedGateway(trace, directory)
        outbound, answered = gateway.traced(gateway.post)
        inbound, posted = gateway.traced(gateway.receive)
        gateway.service.stopService()
        gateway.reactor.settle()
    for name, found, until, end in (
        ("POST of a message", outbound, answered, "the 202"),
        ("Inbound message", inbound, posted, "the request to the callback"),
    ):
        if options.list:
            print("\n".join(f"{module}  {call}" for module, call in found.calls))
        print(f"{name}, until {end}: {found.summary(until)}")
        print(f"{name}, until the outcome is recorded: {found.summary()}")


if __name__ == "__main__":
    main(sys.argv[1:])
