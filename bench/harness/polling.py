"""Waiting for what comes by itself, not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

STEP = 0.005

#: Seconds after which nothing more will come.
QUIET = 2.0


async def waitUntil(done: Callable[[], bool], seconds: float) -> bool:
    """
    Wait for something.

    @return: Whether it has happened.
    """
    for _ in range(int(seconds / STEP)):
        if done():
            return True
        await asyncio.sleep(STEP)
    return done()


async def waitForCount(count: Callable[[], int], goal: int) -> float:
    """
    Wait until a count has come so far, or has not grown for L{QUIET} seconds.

    @return: How many seconds it has grown.
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
