"""POSTed messages and pings: rate, latency and CPU cost."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.candidates.candidate import FORMATS, Candidate
from bench.candidates.registry import (
    API,
    EMPTY,
    MOD_REST,
    RAW,
    SLIXMPP,
    XMPPREST_MEMORY,
    XMPPREST_POSTGRESQL,
    XMPPREST_SQLITE,
)
from bench.harness.component import HELLO, flood
from bench.harness.http import Request
from bench.load.closed_loop import closedLoop
from bench.load.open_loop import OpenLoopSchedule, openLoop, runSchedule
from bench.reporting.statistics import Measurement, latencies
from bench.testbed import Case, Measure, RunOptions, TestBed

CONNECTIONS = (1, 16, 64, 256)
#: Requests per second of the latency cases.
RATES = (500, 1000)
#: Requests per second of the cases that compare CPU.
STEADY = 300
#: Sizes of message bodies in KiB.
SIZES = (0.2, 2, 20, 150)
#: Numbers of recipients.
PEOPLE = (1, 1_000, 100_000)

ALL = (XMPPREST_SQLITE, XMPPREST_MEMORY, SLIXMPP, MOD_REST, API, EMPTY)
PINGING = (XMPPREST_SQLITE, XMPPREST_MEMORY, SLIXMPP, MOD_REST)


def _request(
    bed: TestBed, contender: Candidate, format: str | None, body: str
) -> Request | None:
    """
    Return the request of a candidate.

    @param format: The format of a message; C{None} for a ping.
    """
    if format is None:
        return contender.ping(bed.server.host)
    return contender.message(format, bed.recipient, body)


@dataclass(frozen=True)
class PostThroughput:
    """
    Throughput over several connections, each with one request in flight.

    @ivar format: The format of the messages; C{None} for pings.
    @ivar size: The length of the body in KiB; 0 for a short body.
    """

    who: str
    format: str | None = "json"
    connections: int = 16
    size: float = 0

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.contender(self.who)
        body = "x" * int(self.size * 1024) or HELLO
        if contender is None:
            return None
        request = _request(bed, contender, self.format, body)
        if request is None:
            return None
        meter, before = bed.meter(contender), bed.peer.messages
        answered = await closedLoop(
            contender.port,
            request,
            connections=self.connections,
            seconds=effort.seconds,
        )
        values = {
            "rate": answered.count / answered.seconds,
            "refused": answered.refused,
        }
        done = answered.count
        if self.format is not None and self.who != EMPTY:
            # Accepted messages still have to be sent, which costs CPU. Some requests
            # have no response: wrk does not wait for the last of each connection.
            taken = answered.count - answered.refused
            values["settled"] = await bed.waitForCount(before + taken)
            done = bed.peer.messages - before
            values["lost"] = max(0, taken - done)
        return Measurement({**values, **meter.each(done)})


@dataclass(frozen=True)
class RawThroughput:
    """
    Throughput from one raw component socket to another.
    """

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        raw = await bed.raw()
        to = f"somebody@{bed.peer.domain}"
        meter, before = bed.meter(None), bed.peer.messages
        count, seconds, sent = await flood(
            effort.seconds,
            lambda number: raw.message(number % 100, to),
            lambda: bed.peer.messages - before,
        )
        figures = {"rate": count / seconds, **meter.each(count)}
        # Messages in flight must not count for the next candidate.
        await bed.waitForCount(before + sent)
        return Measurement(figures)


@dataclass(frozen=True)
class PostLatency:
    """
    Latency of responses at a fixed rate.

    @ivar people: How many recipients take turns.
    """

    who: str
    format: str | None
    rate: int
    people: int = 1

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.contender(self.who)
        if contender is None:
            return None
        return await self.measure(bed, effort, contender)

    async def measure(
        self, bed: TestBed, effort: RunOptions, contender: Candidate
    ) -> Measurement | None:
        """Measure a running candidate."""
        request = _request(bed, contender, self.format, HELLO)
        if request is None:
            return None
        meter, before = bed.meter(contender), bed.peer.messages
        times, wrong = await openLoop(
            contender.port,
            lambda number: request.written(number % self.people),
            rate=self.rate,
            seconds=effort.seconds,
        )
        if self.format is not None and self.who != EMPTY:
            await bed.waitForCount(before + len(times) - wrong)
        figures = {**latencies(times), "refused": wrong, **meter.each(len(times))}
        return Measurement(figures)


@dataclass(frozen=True)
class RawPingLatency:
    """
    Latency of pings from a raw component socket at a fixed rate.
    """

    rate: int

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        raw, meter = await bed.raw(), bed.meter(None)
        clock = asyncio.get_running_loop().time
        pacing = OpenLoopSchedule(self.rate, self.rate * effort.seconds, clock)
        raw.onIQ = lambda iq: pacing.answered(int(iq[b"id"]))

        def send(number: int) -> None:
            raw.write(
                f"<iq type='get' id='{number}' from='{raw.domain}'"
                f" to='{bed.server.host}'><ping xmlns='urn:xmpp:ping'/></iq>"
            )

        await runSchedule(pacing, send)
        raw.onIQ = None
        times = pacing.times
        return Measurement({**latencies(times), **meter.each(len(times))})


def _further(format: str) -> dict[str, Measure]:
    """Return the rows of a case that only those with 16 connections have."""
    database = PostThroughput(XMPPREST_POSTGRESQL, format)
    return {XMPPREST_POSTGRESQL: database, RAW: RawThroughput()}


CASES = (
    *(
        Case(
            f"post-{format}-{connections}",
            f"POST a message, {format.upper()}, {connections} connections",
            {who: PostThroughput(who, format, connections) for who in ALL}
            | (_further(format) if connections == 16 else {}),
        )
        for format in FORMATS
        for connections in CONNECTIONS
    ),
    *(
        Case(
            f"ping-{connections}",
            f"POST an iq ping, JSON, {connections} connections",
            {who: PostThroughput(who, None, connections) for who in PINGING},
        )
        for connections in CONNECTIONS
    ),
    *(
        Case(
            f"late-post-{rate}",
            f"POST a message, JSON, at {rate:,} a second",
            {who: PostLatency(who, "json", rate) for who in ALL},
            compared="p99",
        )
        for rate in RATES
    ),
    *(
        Case(
            f"late-ping-{rate}",
            f"POST an iq ping, JSON, at {rate:,} a second",
            {who: PostLatency(who, None, rate) for who in PINGING}
            | {RAW: RawPingLatency(rate)},
            compared="p99",
        )
        for rate in RATES
    ),
    *(
        Case(
            f"size-{size:g}",
            f"POST a message of {size:g} KiB, JSON, 16 connections",
            {who: PostThroughput(who, "json", 16, size) for who in ALL},
        )
        for size in SIZES
    ),
    Case(
        "people-post",
        f"POST messages to so many people, JSON, at {STEADY} a second",
        {
            f"{people:,}": PostLatency(XMPPREST_SQLITE, "json", STEADY, people)
            for people in PEOPLE
        },
        compared="cpu",
    ),
)
