"""The failures that an ordeal injects while it runs: kills, freezes, steps, disks."""

from __future__ import annotations

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from tests.support.disk import Injected
from tests.support.process import ServerFailed
from tests.support.stepped_clock import DELAY

from .load import PAUSE, sleep
from .ordeal import Ordeal

#: System calls that fail or are slow, for C{strace -e inject}, by name.
FAULTS: dict[str, tuple[str, ...]] = {
    "full": ("pwrite64:error=ENOSPC",),
    "fsync fails": ("fsync,fdatasync:error=EIO",),
    "broken": ("pread64,pwrite64,ftruncate:error=EIO",),
    "read-only": ("pwrite64,ftruncate,unlink,openat:error=EROFS",),
    "slow fsync": ("fsync,fdatasync:delay_exit=800000",),
    "slow writes": ("pwrite64:delay_exit=30000",),
}

#: Seconds for which a disk fails or is slow, at most.
FAULT_SECONDS = 3.0

#: Seconds for which the callback is down around a step of the clock.
DOWN_SECONDS = 1.5


async def killGateways(ordeal: Ordeal) -> None:
    """Kill the gateways at some point, and start them again."""
    kind = ordeal.chance.choice(["busy", "busy", "busy", "starting", "stalled"])
    if kind == "stalled":
        await _killStalled(ordeal)
    else:
        await ordeal.awaitPromises(ordeal.chance.randrange(1, 300))
        await _kill(ordeal)
    if kind == "starting":
        await _killStarting(ordeal)
    await ordeal.startGateways()


async def _killStalled(ordeal: Ordeal) -> None:
    """
    Kill the gateways when the server reads nothing, so that all places of their windows
    are taken.
    """
    await ordeal.awaitPromises(1)
    ordeal.server.suspend()
    try:
        await ordeal.awaitPromises(700)
        await _kill(ordeal)
    finally:
        ordeal.server.resume()


async def _killStarting(ordeal: Ordeal) -> None:
    """Start the gateways, and kill them before they are ready."""
    starting = [deferToThread(lane.gateway.start) for lane in ordeal.lanes]
    for each in starting:
        each.addErrback(lambda failure: failure.trap(ServerFailed) and None)
    await sleep(ordeal.chance.uniform(0.1, 1.5))
    await _kill(ordeal)
    await gatherResults(starting)


async def _kill(ordeal: Ordeal) -> None:
    await gatherResults([deferToThread(each.gateway.kill) for each in ordeal.lanes])
    # What they have written is on its way.
    await sleep(PAUSE)
    ordeal.nextEpoch()


async def freezeGateways(ordeal: Ordeal, seconds: float) -> None:
    """Suspend the gateways at some point, for some time."""
    await ordeal.awaitPromises(ordeal.chance.randrange(1, 300))
    for lane in ordeal.lanes:
        lane.gateway.suspend()
    try:
        await sleep(seconds)
    finally:
        ordeal.nextEpoch()
        ordeal.turns.skip()
        for lane in ordeal.lanes:
            lane.gateway.resume()
    await ordeal.awaitReceipts(1)


async def killServer(ordeal: Ordeal) -> None:
    """Kill the server at some point, and start it again."""
    await ordeal.awaitReceipts(ordeal.chance.randrange(1, 60))
    await deferToThread(ordeal.server.kill)
    await sleep(PAUSE)
    ordeal.nextEpoch()
    await deferToThread(ordeal.server.start)


async def freezeServer(ordeal: Ordeal, seconds: float) -> None:
    """Suspend the server at some point, for some time."""
    await ordeal.awaitReceipts(ordeal.chance.randrange(1, 60))
    ordeal.server.suspend()
    try:
        await sleep(seconds)
    finally:
        ordeal.nextEpoch()
        ordeal.server.resume()


async def stepClock(ordeal: Ordeal, seconds: float) -> None:
    """
    Set the clock of the gateway with a store forward or back while it runs.

    Now and then stanzas wait for a retry meanwhile, or the gateway is killed and
    started afterwards.
    """
    assert ordeal.clock is not None
    kind = ordeal.chance.choice(["busy", "busy", "down", "killed"])
    await ordeal.awaitReceipts(ordeal.chance.randrange(1, 60))
    ordeal.callback.isDown = kind != "busy"
    try:
        await sleep(DOWN_SECONDS if ordeal.callback.isDown else 0)
        ordeal.clock.step(seconds)
        await sleep(DELAY)
        if kind == "killed":
            await _kill(ordeal)
            await ordeal.startGateways()
        ordeal.nextEpoch()
    finally:
        ordeal.callback.isDown = False
    await ordeal.awaitReceipts(20)


async def failDisk(ordeal: Ordeal, fault: str) -> None:
    """
    Let the disk of the gateway with a store fail or be slow for a while.

    Now and then the gateway is killed meanwhile, and started when the disk is well.

    @param fault: A key of L{FAULTS}.
    """
    gateway = ordeal.lanes[0].gateway
    isKilled = ordeal.chance.random() < 0.3
    await ordeal.awaitReceipts(ordeal.chance.randrange(1, 60))
    disk = Injected(fault, *FAULTS[fault])
    disk.prepare(gateway.storeDirectory)
    try:
        await disk.fail(gateway.pid)
        await sleep(ordeal.chance.uniform(0.3, FAULT_SECONDS))
        if isKilled:
            await _kill(ordeal)
        await disk.heal()
    finally:
        disk.remove()
    if isKilled:
        await ordeal.startGateways()
    await ordeal.awaitReceipts(20)
