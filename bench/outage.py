"""
The cost of an outage of the callback, and of one conversation that always fails.

C{python -m bench.outage [SECONDS [PEOPLE [EACH]]]} runs an inbox with a store in a file
in the current directory (since C{/tmp} may be a memory disk), and a callback that is
down for SECONDS (20), while PEOPLE senders (500) send EACH messages (20). When the
callback is back, 100 senders send 200 messages a second for ten seconds; then for ten
more seconds while the callback holds each message of one other sender for half a second
and closes the connection.

The callback runs in the same process and takes its share of the CPU.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import ITransport
from twisted.internet.task import react

from tests.support.realtime import CONNECTIONS, RealWorld

#: Seconds for which the callback holds a request that it fails.
HANG = 0.5
#: Number of other senders, messages per second, and seconds.
OTHERS, MESSAGES, SECONDS = 100, 20, 10.0


async def outage(world: RealWorld, seconds: float, people: int, each: int) -> None:
    """Take the callback down and up again, and print the results."""
    began = time.monotonic()
    await world.queue(people, each, seconds)
    await world.until(lambda: world.inbox.storedCount == people * each)
    out = time.monotonic() - began
    world.open()
    back = time.monotonic()
    await world.until(lambda: world.inbox.storedCount == 0)
    distinct = {(seen.person, seen.number) for seen in world.seen}
    print(f"out for {out:.1f} s, {people * each:,} messages of {people:,} waiting")
    print(f"delivered {len(distinct):,}, twice {len(world.seen) - len(distinct):,}")
    print(f"inversions {world.inversions():,}")
    print(f"most in flight {world.most}, connections {world.callback.most}", end="")
    print(f", of {CONNECTIONS}")
    last = max(seen.at for seen in world.seen) - back
    first = min(seen.at for seen in world.seen) - back
    print(f"from recovery to the first {first:.1f} s, to the last {last:.1f} s")


async def measureSteadyState(world: RealWorld) -> Sequence[float]:
    """Return the delivery times of the other senders in seconds, in ascending order."""
    people = world.newPeople(OTHERS)
    before = len(world.seen)
    began = time.monotonic()
    total = OTHERS * MESSAGES
    for number in range(total):
        world.message(people[number % OTHERS])
        at = began + SECONDS * (number + 1) / total
        await world.sleep(max(0.0, at - time.monotonic()))
    await world.until(
        lambda: sum(each.person in people for each in world.seen[before:]) == total
    )
    return sorted(
        world.lateness(each) for each in world.seen[before:] if each.person in people
    )


def show(name: str, times: Sequence[float]) -> None:
    """Print delivery times."""
    median, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
    print(
        f"{name:32} median {median * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms"
        f"   longest {times[-1] * 1000:6.1f} ms"
    )


async def measureWithFailingConversation(world: RealWorld) -> None:
    """Let one conversation fail, and print the delivery times of the others."""
    show("others, if nobody fails", await measureSteadyState(world))
    (victim,) = world.newPeople(1)

    def fault(transport: ITransport, person: int) -> bool:
        if person == victim:
            world.drop(transport, HANG)
        return person == victim

    world.fault = fault
    for _ in range(MESSAGES):
        world.message(victim)
    show("others, if one always fails", await measureSteadyState(world))
    print(
        f"it was tried {world.tries[victim]} times; {world.inbox.storedCount} of it "
        "wait"
    )


async def main(
    reactor: Any, seconds: str = "20", people: str = "500", each: str = "20"
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=".") as place:
        world = RealWorld(Path(place, "outage.db"), reactor)
        await world.begin()
        try:
            await outage(world, float(seconds), int(people), int(each))
            await measureWithFailingConversation(world)
        finally:
            await world.end()


if __name__ == "__main__":
    react(main, sys.argv[1:])
