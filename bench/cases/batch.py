"""Batches: many messages in one request, compared with the raw component socket."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from bench.candidates.registry import RAW, XMPPREST_SQLITE, XMPPRest
from bench.harness.component import HELLO
from bench.harness.http import Request
from bench.load.closed_loop import closedLoop
from bench.reporting.statistics import Measurement
from bench.testbed import Case, RunOptions, TestBed

from .post import RawThroughput

SIZE = 1000
#: Concurrent requests.
CONNECTIONS = 2


@dataclass(frozen=True)
class BatchCase:
    """
    Sends batches and waits until the recipient has all their messages.
    """

    who: str

    async def __call__(self, bed: TestBed, effort: RunOptions) -> Measurement | None:
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
        # wrk does not wait for the last response of each connection, but their messages
        # arrive all the same.
        settled = await bed.waitForCount(sys.maxsize)
        seconds = answered.seconds + settled
        count = bed.peer.messages - before
        return Measurement(
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
        {XMPPREST_SQLITE: BatchCase(XMPPREST_SQLITE), RAW: RawThroughput()},
    ),
)
