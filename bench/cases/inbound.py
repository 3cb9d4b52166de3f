"""Messages that come in, and go to the callback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.bed import Bed, Case, Effort
from bench.callback import dueAt
from bench.component import flood
from bench.contenders.contender import Contender
from bench.contenders.entrants import BATCHED, KEPT, MOD_REST, PLAIN, SLIXMPP
from bench.figures import Outcome, latencies
from bench.pacing import Pacing, pace
from bench.patience import settled

from .posting import PEOPLE, STEADY

#: Messages in a second, where latency is measured.
RATE = 500

ALL = (KEPT, BATCHED, PLAIN, SLIXMPP, MOD_REST)


@dataclass(frozen=True)
class Deliver:
    """
    As many as get through, from a hundred people; L{WINDOW<bench.component.WINDOW>} of
    them under way at most.
    """

    who: str

    async def __call__(self, bed: Bed, effort: Effort) -> Outcome | None:
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
        # What is under way is not to be counted as another's.
        await settled(bed.callback.count, before + sent)
        return Outcome({"rate": count / seconds, **meter.each(sent)})


@dataclass(frozen=True)
class LateDelivery:
    """
    At a fixed rate: how late they are at the callback.

    @ivar people: How many send them, in turn.
    """

    who: str
    rate: int
    people: int = 100

    async def __call__(self, bed: Bed, effort: Effort) -> Outcome | None:
        contender = await bed.contender(self.who)
        if contender is None:
            return None
        return await self.measure(bed, effort, contender)

    async def measure(self, bed: Bed, effort: Effort, contender: Contender) -> Outcome:
        """Measure one that runs."""
        count = self.rate * effort.seconds
        meter, before = bed.meter(contender), bed.callback.count()
        bed.callback.times()
        # The loop's clock is that of all processes.
        pacing = Pacing(self.rate, count, asyncio.get_running_loop().time)

        def send(number: int) -> None:
            body, id = dueAt(pacing.at(number)), f"m{number}"
            bed.peer.message(number % self.people, contender.domain, body, id)

        await pace(pacing, send, patience=0)
        await settled(bed.callback.count, before + count)
        times = bed.callback.times()
        return Outcome({**latencies(times), **meter.each(len(times))})


CASES = (
    Case(
        "callback",
        "A message to the callback, as many as get through",
        {who: Deliver(who) for who in ALL},
    ),
    Case(
        f"late-callback-{RATE}",
        f"A message to the callback, at {RATE} a second",
        {who: LateDelivery(who, RATE) for who in ALL},
        compared="p99",
    ),
    Case(
        "people-callback",
        f"Messages from so many people to the callback, at {STEADY} a second",
        {f"{people:,}": LateDelivery(KEPT, STEADY, people) for people in PEOPLE},
        compared="cpu",
    ),
)
