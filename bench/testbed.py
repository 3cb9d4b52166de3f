"""The test bed: a server, a recipient, a callback and the candidates."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.process import LOOPBACK

from .candidates.candidate import Candidate
from .candidates.registry import COMPONENT_NAMES, FACTORIES, CandidateSetup, Server
from .candidates.servers import BenchEjabberd, BenchProsody, domain
from .harness.callback_server import CallbackProcess
from .harness.component import LoadComponent
from .harness.http import NUMBER
from .harness.polling import waitForCount
from .harness.process_stats import ProcessSampler
from .reporting.statistics import Measurement

SERVERS: Mapping[str, type[Server]] = {
    "prosody": BenchProsody,
    "ejabberd": BenchEjabberd,
}


@dataclass(frozen=True)
class RunOptions:
    """
    The extent of a run.

    @ivar seconds: The duration of one measurement.
    @ivar quick: Whether a quick run matters more than good figures.
    """

    seconds: int
    quick: bool


#: Measures one row; C{None} if the candidate is missing or lacks the feature.
Measure = Callable[["TestBed", RunOptions], Awaitable[Measurement | None]]


@dataclass(frozen=True)
class Case:
    """
    A benchmark case: rows that are measured in turn and compared.

    @ivar compared: The figure whose ratios are reported.
    @ivar once: Whether one round is enough.
    """

    name: str
    title: str
    rows: dict[str, Measure]
    compared: str = "rate"
    once: bool = False


class TestBed:
    """
    A server with all candidates; each is started when it is first needed.

    @ivar peer: The component that sends and receives messages.
    @ivar recipient: One of its addresses, with a number.
    @ivar place: A directory on a disk.
    """

    def __init__(self, kind: str, modRest: Path | None) -> None:
        self.callback = CallbackProcess()
        self.server: Server = SERVERS[kind](self.callback.url, modRest)
        self.peer = LoadComponent(self.server, self.server.peerDomain)
        self._raw = LoadComponent(self.server, domain("raw"))
        self.recipient = f"p{NUMBER}@{self.server.peerDomain}"
        # In the current directory, since the temporary one may be in memory.
        self.place = Path(tempfile.mkdtemp(dir=".", prefix="bench-")).resolve()
        self._contenders: dict[tuple[str, str], Candidate | None] = {}

    async def start(self) -> None:
        """Start the server."""
        await asyncio.to_thread(self.server.start)
        await self.peer.connect()

    async def stop(self) -> None:
        """Stop the server and all candidates."""
        for contender in self._contenders.values():
            if contender is not None:
                contender.stop()
        for component in (self.peer, self._raw):
            if component.connected:
                await component.close()
        self.server.stop()
        self.callback.stop()
        shutil.rmtree(self.place, ignore_errors=True)

    async def contender(self, who: str, name: str = "") -> Candidate | None:
        """
        Return a candidate that runs until the test bed stops.

        @param name: The name of its component, if not the usual one.
        @return: C{None} if the candidate is not installed.
        """
        key = (who, name)
        if key not in self._contenders:
            self._contenders[key] = await self.launch(
                who, name or COMPONENT_NAMES.get(who, "")
            )
        return self._contenders[key]

    async def launch(self, who: str, name: str) -> Candidate | None:
        """Start a candidate and wait until it is ready. The caller has to stop it."""
        site = CandidateSetup(
            self.server, self.callback.url, self.callback.pull, self.place
        )
        contender = await asyncio.to_thread(FACTORIES[who], site, name)
        if contender is not None:
            try:
                await asyncio.to_thread(waitUntilReady, contender, self.server.host)
            except BaseException:
                contender.stop()
                raise
        return contender

    async def raw(self) -> LoadComponent:
        """Return another component without checks."""
        if not self._raw.connected:
            await self._raw.connect()
        return self._raw

    async def waitForCount(self, count: int) -> float:
        """
        Wait until the peer has received a number of messages; see L{waitForCount}.
        """
        return await waitForCount(lambda: self.peer.messages, count)

    def meter(self, contender: Candidate | None) -> ProcessSampler:
        """Return a sampler of the CPU time of a candidate and the server."""
        own = contender and contender.process
        pids = {"server": self.server.pid}
        return ProcessSampler({"cpu": own.pid, **pids} if own else pids)


def waitUntilReady(contender: Candidate, host: str, patience: float = 30) -> None:
    """Wait until a candidate replies to a ping, or accepts its kind of request."""
    request = contender.ping(host)
    if request is None:
        return
    connection = HTTPConnection(LOOPBACK, contender.port, timeout=5)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            connection.request(
                "POST", request.path, request.body, dict(request.headers)
            )
            with connection.getresponse() as answer:
                body = answer.read()
        except (OSError, HTTPException):
            connection.close()
        else:
            if answer.status == 200 and json.loads(body)["type"] == "result":
                return
        time.sleep(0.01)
    raise AssertionError(f"{contender.port}: not ready in {patience:g} s")
