"""
Measures how long hostile payloads block the reactor: parsing, checks and serialisation.

C{python -m bench.hostile} prints the five slowest payloads in milliseconds of CPU. It
exits with status 1 if one takes longer than L{LIMIT}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from tests.support.hostile import SIZE_LIMIT, accepted, refused
from tests.support.traps import cborTraps, jsonTraps
from xmpprest.core.errors import Refusal
from xmpprest.core.media import formats
from xmpprest.core.policy.submission import buildSubmission
from xmpprest.core.stanza.serializer import toXML

#: Milliseconds of CPU that a payload may take.
LIMIT = 100

ROUNDS = 5


def _json(**keys: object) -> bytes:
    return json.dumps({"to": "a@example.org", **keys}).encode()


#: Entity bombs: small bodies that expand to huge documents.
ENTITY_BOMBS = {
    "lines in a compact form": _json(
        command={"node": "x", "data": {"a": "\n" * 90_000}}
    ),
    "lines in many fields": _json(
        dataform={"fields": [{"type": "text-multi", "value": "\n" * 3_900}] * 24}
    ),
    "lines in extensions": _json(
        disco={"extensions": {str(n): {"a": "\n" * 4_000} for n in range(20)}}
    ),
    "ids of an archive": _json(archive={"ids": [""] * 19_000}),
    "items": _json(items=[{"jid": "a"}] * 9_000),
    "empty pieces of XML": _json(xml=[""] * 19_000),
}


def payloads() -> Iterator[tuple[str, str, bytes]]:
    """Yield every payload: its name, its media type and its bytes."""
    for hostile in (*refused(), *accepted()):
        yield hostile.name, formats.XML, hostile.body
    for name, body in ENTITY_BOMBS.items():
        yield name, formats.JSON, body
    for type, traps in ((formats.JSON, jsonTraps()), (formats.CBOR, cborTraps())):
        for trap in traps:
            yield trap.name, type, trap.body


def cost(type: str, body: bytes) -> float:
    """Return the median time of a payload in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        with suppress(Refusal):
            stanza = formats.decode(type, body)
            toXML(buildSubmission(stanza, "gateway.localhost", lambda: "1"))
        times.append(time.thread_time() - began)
    return sorted(times)[ROUNDS // 2] * 1000


def main() -> int:
    """Measure all payloads and print the slowest."""
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
