"""
Simulates three weeks of a bot in rooms, again and again, each time with other events.

    python -m bench.room_weeks [--runs 100] [--weeks 3] [--seed 0]

The room service does whatever XEP-0045 allows; L{tests.support.room_turmoil} has the
list. It exits with status 1 if the bot was not where it belongs, missed a message, or
had one twice or out of order.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter

from tests.support.room_turmoil import DAY, Turmoil


def main() -> None:
    """Simulate, and print what happened, and how many stanzas the bot sent."""
    parser = argparse.ArgumentParser(description=str(__doc__).strip().split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--weeks", type=float, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    options = parser.parse_args()
    happened: Counter[str] = Counter()
    days: list[int] = []
    faults = messages = 0
    began = time.process_time()
    for seed in range(options.seed, options.seed + options.runs):
        turmoil = Turmoil(seed)
        try:
            turmoil.live(options.weeks * 7 * DAY)
        except AssertionError as fault:
            faults += 1
            print(f"seed {seed}: {fault}", flush=True)
        happened += turmoil.happened
        days += turmoil.traffic.values()
        messages += sum(len(each.heard) for each in turmoil.expected.values())
    days.sort()
    for name, count in sorted(happened.items()):
        print(f"{count:7,} {name}")
    print(
        f"{options.runs} runs of {options.weeks:g} weeks with {happened.total():,}"
        f" disturbances and {messages:,} messages: {faults} with a fault;"
        f" stanzas sent in a day to two rooms: median {days[len(days) // 2]:,}, most"
        f" {days[-1]:,}; {time.process_time() - began:.0f} s of CPU"
    )
    raise SystemExit(min(faults, 1))


if __name__ == "__main__":
    main()
