"""Polling for a condition, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

STEP = 0.005

#: Seconds without growth after which a count is final.
QUIET = 2.0


async def waitUntil(done: Callable[[], bool], seconds: float) -> bool:
    """
    Wait until a condition holds.

    @return: Whether it holds.
    """
    for _ in range(int(seconds / STEP)):
        if done():
            return True
        await asyncio.sleep(STEP)
    return done()


async def waitForCount(count: Callable[[], int], goal: int) -> float:
    """
    Wait until a count reaches a goal, or has not grown for L{QUIET} seconds.

    @return: The seconds during which it grew.
    """
    loop = asyncio.get_running_loop()
    began = grown = loop.time()
    seen = -1
    while loop.time() < grown + QUIET:
        now = count()
        if now != seen:
            seen, grown = now, loop.time()
        if now >= goal:
            break
        await asyncio.sleep(0.01)
    return grown - began
