"""Inbound messages, delivered to the callback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.candidates.candidate import Candidate
from bench.candidates.registry import (
    BATCHED,
    MOD_REST,
    PULLED,
    SLIXMPP,
    XMPPREST_MEMORY,
    XMPPREST_SQLITE,
)
from bench.harness.callback_server import dueAt
from bench.harness.component import HELLO, flood
from bench.harness.polling import waitForCount
from bench.load.closed_loop import closedLoop
from bench.load.open_loop import OpenLoopSchedule, runSchedule
from bench.reporting.statistics import Measurement, latencies
from bench.testbed import Case, RunOptions, TestBed

from .post import PEOPLE, STEADY

#: Messages per second of the latency cases.
RATE = 500

#: Clients that POST beside a busy callback.
SENDERS = 2

ALL = (XMPPREST_SQLITE, BATCHED, PULLED, XMPPREST_MEMORY, SLIXMPP, MOD_REST)

#: Candidates that also take POSTs; a batching callback changes nothing about these.
BOTH = (XMPPREST_SQLITE, XMPPREST_MEMORY, SLIXMPP, MOD_REST)


@dataclass(frozen=True)
class InboundThroughput:
    """
    Throughput with a hundred senders and at most
    L{WINDOW<bench.harness.component.WINDOW>} messages in flight.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.contender(self.who)
        if contender is None:
            return None
        meter, before = bed.meter(contender), bed.callback.count()
        count, seconds, sent = await flood(
            effort.seconds,
            lambda number: bed.peer.message(
                number % 100, contender.domain, id=f"m{number}"
            ),
            lambda: bed.callback.count() - before,
        )
        # Messages in flight must not count for the next candidate.
        await waitForCount(bed.callback.count, before + sent)
        return Measurement({"rate": count / seconds, **meter.each(sent)})


@dataclass(frozen=True)
class InboundLatency:
    """
    Delay of deliveries at a fixed rate.

    @ivar people: How many senders take turns.
    """

    who: str
    rate: int
    people: int = 100

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.contender(self.who)
        if contender is None:
            return None
        return await self.measure(bed, effort, contender)

    async def measure(
        self, bed: TestBed, effort: RunOptions, contender: Candidate
    ) -> Measurement:
        """Measure a running candidate."""
        count = self.rate * effort.seconds
        meter, before = bed.meter(contender), bed.callback.count()
        bed.callback.times()
        # The loop's monotonic clock is the same in all processes.
        pacing = OpenLoopSchedule(self.rate, count, asyncio.get_running_loop().time)

        def send(number: int) -> None:
            body, id = dueAt(pacing.at(number)), f"m{number}"
            bed.peer.message(number % self.people, contender.domain, body, id)

        await runSchedule(pacing, send, patience=0)
        await waitForCount(bed.callback.count, before + count)
        times = bed.callback.times()
        return Measurement({**latencies(times), **meter.each(len(times))})


@dataclass(frozen=True)
class PostBesideCallback:
    """
    Throughput of two clients that POST messages, each over one connection, while as
    many messages arrive for the callback as get through.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
        contender = await bed.contender(self.who)
        if contender is None:
            return None
        request = contender.message("json", bed.recipient, HELLO)
        if request is None:
            return None
        before, posted = bed.callback.count(), bed.peer.messages
        flooding = asyncio.create_task(
            flood(
                effort.seconds,
                lambda number: bed.peer.message(
                    number % 100, contender.domain, id=f"m{number}"
                ),
                lambda: bed.callback.count() - before,
            )
        )
        answered = await closedLoop(
            contender.port, request, connections=SENDERS, seconds=effort.seconds
        )
        count, seconds, sent = await flooding
        await waitForCount(bed.callback.count, before + sent)
        taken = answered.count - answered.refused
        await bed.waitForCount(posted + taken)
        return Measurement(
            {
                "rate": answered.count / answered.seconds,
                "callbacks": count / seconds,
                "refused": answered.refused,
            }
        )


CASES = (
    Case(
        "callback",
        "A message to the callback, as many as get through",
        {who: InboundThroughput(who) for who in ALL},
    ),
    Case(
        "callback-and-post",
        f"POST a message, JSON, {SENDERS} connections, beside a busy callback",
        {who: PostBesideCallback(who) for who in BOTH},
    ),
    Case(
        f"late-callback-{RATE}",
        f"A message to the callback, at {RATE} a second",
        {who: InboundLatency(who, RATE) for who in ALL},
        compared="p99",
    ),
    Case(
        "people-callback",
        f"Messages from so many people to the callback, at {STEADY} a second",
        {
            f"{people:,}": InboundLatency(XMPPREST_SQLITE, STEADY, people)
            for people in PEOPLE
        },
        compared="cpu",
    ),
)
