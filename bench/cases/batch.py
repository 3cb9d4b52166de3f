"""Many messages in one request, against what gets through at all."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from bench.bed import Bed, Case, Effort
from bench.component import HELLO
from bench.contenders.entrants import KEPT, RAW, XMPPRest
from bench.figures import Outcome
from bench.http import Request
from bench.wrk import closedLoop

from .posting import Flood

SIZE = 1000
#: Requests at the same time.
CONNECTIONS = 2


@dataclass(frozen=True)
class Batch:
    """
    Batches, until all of their messages have arrived, so that the server has them.
    """

    who: str

    async def __call__(self, bed: Bed, effort: Effort) -> Outcome | None:
        contender = await bed.contender(self.who)
        assert isinstance(contender, XMPPRest)
        to = [f"p{number}@{bed.peer.domain}" for number in range(SIZE)]
        lines = [json.dumps({"to": each, "type": "chat", "body": HELLO}) for each in to]
        headers = {
            "Authorization": contender.authorization,
            "Content-Type": "application/x-ndjson",
        }
        request = Request(
            "/rest/batch", "".join(f"{each}\n" for each in lines), headers
        )

        meter, before = bed.meter(contender), bed.peer.messages
        answered = await closedLoop(
            contender.port, request, connections=CONNECTIONS, seconds=effort.seconds
        )
        # wrk does not wait for the last of each connection, which arrive all the same.
        settled = await bed.settled(sys.maxsize)
        seconds = answered.seconds + settled
        count = bed.peer.messages - before
        return Outcome(
            {
                "rate": count / seconds,
                "refused": answered.refused,
                "settled": settled,
                **meter.each(count),
            }
        )


CASES = (
    Case(
        "batch",
        f"POST messages, {SIZE:,} in a batch, {CONNECTIONS} connections",
        {KEPT: Batch(KEPT), RAW: Flood()},
    ),
)
