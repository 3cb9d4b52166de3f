"""
How long hostile payloads hold up the reactor: read, checked, and written.

C{python -m bench.hostile} prints the five slowest, in milliseconds of CPU, and ends
with status 1 if one takes longer than L{LIMIT}.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress

from tests.hostile import SIZE_LIMIT, Hostile, accepted, refused
from xmpprest.core import media
from xmpprest.core.errors import Refusal
from xmpprest.core.rules import submission
from xmpprest.core.writer import toXML

#: Milliseconds.
LIMIT = 100

ROUNDS = 5


def cost(hostile: Hostile) -> float:
    """The median time of one payload, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        with suppress(Refusal):
            stanza = submission(
                media.decode(media.XML, hostile.body), "gateway.localhost", lambda: "1"
            )
            toXML(stanza)
        times.append(time.thread_time() - began)
    return sorted(times)[ROUNDS // 2] * 1000


def main() -> int:
    """Measure all, and print the worst."""
    costs = {
        hostile.name: cost(hostile)
        for hostile in [*refused(), *accepted()]
        if len(hostile.body) <= SIZE_LIMIT  # or it is refused while it comes
    }
    slowest = sorted(costs, key=costs.__getitem__, reverse=True)[:5]
    for name in slowest:
        print(f"{costs[name]:8.3f} ms  {name}")
    print(f"{len(costs)} payloads, limit {LIMIT} ms")
    return int(costs[slowest[0]] > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
