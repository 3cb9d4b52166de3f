"""Ten thousand pending queries: their memory, and how fast their replies arrive."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass

from bench.candidates.candidate import Candidate
from bench.candidates.registry import SLIXMPP, XMPPREST_SQLITE
from bench.harness.http import NUMBER
from bench.harness.polling import waitUntil
from bench.harness.process_stats import residentBytes
from bench.load.open_loop import OpenLoopSchedule, runSchedule
from bench.reporting.statistics import Measurement, latencies
from bench.testbed import Case, RunOptions, TestBed

COUNT, QUICK_COUNT = 10_000, 1_000
#: Replies per second.
RATE = 1000
#: Seconds within which all queries are sent.
PATIENCE = 60.0


@dataclass(frozen=True)
class PendingIQs:
    """
    Sends queries to a peer that replies only once all of them are pending.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.launch(self.who, "fresh")
        if contender is None or contender.process is None:
            return None
        try:
            return await self._measure(
                bed, contender, contender.process.pid, effort.quick
            )
        finally:
            contender.stop()

    async def _measure(
        self, bed: TestBed, contender: Candidate, pid: int, isQuick: bool
    ) -> Measurement:
        count = QUICK_COUNT if isQuick else COUNT
        request = contender.ping(f"p{NUMBER}@{bed.peer.domain}")
        assert request is not None
        waiting: dict[int, dict[bytes, bytes]] = {}

        def asked(iq: dict[bytes, bytes]) -> None:
            waiting[int(iq[b"to"].partition(b"@")[0][1:])] = iq

        bed.peer.onIQ = asked
        clients = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.load.waiting_clients"),
            stdin=PIPE,
            stdout=PIPE,
            limit=2**24,
        )
        try:
            before = residentBytes(pid)
            parts = [part.decode() for part in request.parts]
            await _tell(clients, [contender.port, count, parts])
            connected = residentBytes(pid)
            await _tell(clients, "ask")
            if not await waitUntil(lambda: len(waiting) == count, PATIENCE):
                raise AssertionError(f"{len(waiting)} of {count} were asked")
            asking = residentBytes(pid)
            late = await self._wake(bed, clients, waiting)
        finally:
            bed.peer.onIQ = None
            if clients.returncode is None:
                clients.kill()
            await clients.wait()
        return Measurement(
            {
                "connection": (connected - before) / count / 1024,
                "waiting": (asking - before) / count / 1024,
                **latencies(late),
                "refused": count - len(late),
            }
        )

    async def _wake(
        self, bed: TestBed, clients: Process, waiting: dict[int, dict[bytes, bytes]]
    ) -> list[float]:
        """
        Reply to each query when its reply is due; return the seconds until each
        response.
        """
        pacing = OpenLoopSchedule(RATE, len(waiting), asyncio.get_running_loop().time)

        def send(number: int) -> None:
            iq = {
                name.decode(): text.decode() for name, text in waiting[number].items()
            }
            bed.peer.write(
                f"<iq type='result' id='{iq['id']}' from='{iq['to']}'"
                f" to='{iq['from']}'/>"
            )

        await runSchedule(pacing, send, patience=0)
        answered = await _tell(clients, "answers")
        assert isinstance(answered, list)
        return [
            at - pacing.at(number) for number, status, at in answered if status == 200
        ]


async def _tell(clients: Process, what: object) -> object:
    """Send a command to the client process and wait for its response."""
    assert clients.stdin is not None and clients.stdout is not None
    clients.stdin.write(json.dumps(what).encode() + b"\n")
    found: object = json.loads(await clients.stdout.readline())
    return found


CASES = (
    Case(
        "waiting",
        f"{COUNT:,} iqs that wait, answered at {RATE:,} a second",
        {who: PendingIQs(who) for who in (XMPPREST_SQLITE, SLIXMPP)},
        compared="p99",
    ),
)
