"""
How long hostile payloads hold up the reactor: read, checked, and written.

C{python -m bench.hostile} prints the five slowest, in milliseconds of CPU, and ends
with status 1 if one takes longer than L{LIMIT}.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from tests.core.traps import cborTraps, jsonTraps
from tests.hostile import SIZE_LIMIT, accepted, refused
from xmpprest.core import media
from xmpprest.core.errors import Refusal
from xmpprest.core.rules import submission
from xmpprest.core.writer import toXML

#: Milliseconds.
LIMIT = 100

ROUNDS = 5


def payloads() -> Iterator[tuple[str, str, bytes]]:
    """Every payload: its name, its media type, itself."""
    for hostile in (*refused(), *accepted()):
        yield hostile.name, media.XML, hostile.body
    for type, traps in ((media.JSON, jsonTraps()), (media.CBOR, cborTraps())):
        for trap in traps:
            yield trap.name, type, trap.body


def cost(type: str, body: bytes) -> float:
    """The median time of one payload, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        with suppress(Refusal):
            stanza = media.decode(type, body)
            toXML(submission(stanza, "gateway.localhost", lambda: "1"))
        times.append(time.thread_time() - began)
    return sorted(times)[ROUNDS // 2] * 1000


def main() -> int:
    """Measure all, and print the worst."""
    costs = {
        f"{type}: {name}": cost(type, body)
        for name, type, body in payloads()
        if len(body) <= SIZE_LIMIT  # or it is refused while it comes
    }
    slowest = sorted(costs, key=costs.__getitem__, reverse=True)[:5]
    for name in slowest:
        print(f"{costs[name]:8.3f} ms  {name}")
    print(f"{len(costs)} payloads, limit {LIMIT} ms")
    return int(costs[slowest[0]] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
