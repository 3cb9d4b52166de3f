"""
Tests of the gateway on a disk that fails: nothing is answered 202 that is not kept,
nothing is lost, it says what is wrong, and goes on by itself.

The disk fails by C{strace -e inject}; with C{XMPPREST_FAULTS=1} in one more way, and
there is another one, which is mounted, and really full.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.support.disk import Disk, Injected, Small
from tests.support.process import ServerFailed
from tests.support.survival.checker import check

from .world import CLIENTS, USERS, World

if TYPE_CHECKING:
    _Base = TestCase
else:
    # No TestCase, so that trial does not run the mixin by itself.
    _Base = object

#: How often each client is refused, on the average, and each user writes, while the
#: disk fails.
REFUSALS = 10

#: How many messages there are of each conversation that wait.
WAITING = 20


#: What is in the log; the first may be said of more than one error.
SAID = (
    r"#error\] Cannot write to the store \S+: [^.]+\. Messages are refused until",
    r"#error\] Inbound messages cannot be stored: [^.]+\. Until they can",
    r"#info\] The store \S+ works again\.",
)
#: What is none of the disk's faults.
_CALLBACK = re.compile("The callback (does not respond|responds again)")


class FaultMixin(_Base):
    """
    A disk that fails.
    """

    timeout = 300

    def disk(self) -> Disk:
        """The disk."""
        raise NotImplementedError

    async def begin(self) -> World:
        """A world with this disk, which is well."""
        world = World(self.disk())
        self.addCleanup(world.end)
        self.addCleanup(self.assertCalm, world)
        await world.begin()
        return world

    async def failUnderLoad(self, world: World) -> None:
        """Let the disk fail under load, until many were refused."""
        world.load()
        await world.until(lambda: len(world.delivered) > 20, "deliveries")
        await world.until(lambda: len(world.outbound.promised) > 50, "202s")
        await world.ready(200)
        await world.fail()
        refused, written = world.refusals.total(), len(world.written)
        await world.until(
            lambda: (
                world.refusals.total() > refused + REFUSALS * CLIENTS
                and len(world.written) > written + REFUSALS * USERS
            ),
            "refusals",
        )

    async def test_recovers(self) -> None:
        """
        While it fails, nothing is accepted, and it is said why; what comes for the
        callback is delivered or comes back. Once it is well, all goes on.
        """
        world = await self.begin()
        await self.failUnderLoad(world)
        await self.assertTold(world)
        world.callback.mode = "refuses"
        label = world.say("other")
        await world.until(lambda: label in world.bounced, "bounce")
        world.callback.mode = "answers"
        self.assertEqual((await world.post("keyed", "key")).status, 503)
        await world.disk.heal()
        promised = len(world.outbound.promised)
        await world.until(
            lambda: len(world.outbound.promised) > promised + 50, "202 again"
        )
        again = await world.post("keyed", "key", again=True)
        self.assertEqual(again.status, 202)
        await world.ready(200)
        await world.unload()
        await self.assertComplete(world)
        self.assertLogged(world)

    async def test_killed(self) -> None:
        """
        If it is killed meanwhile, and started again when the disk is well, nothing is
        missing that was accepted.
        """
        world = await self.begin()
        await self.failUnderLoad(world)
        await world.kill()
        await world.disk.heal()
        await world.start()
        promised = len(world.outbound.promised)
        await world.until(
            lambda: len(world.outbound.promised) > promised + 50, "202 again"
        )
        await world.unload()
        await world.until(lambda: not world.outbound.missing, "complete arrival")
        self.assertEqual(check(world.outbound).wrong, "")
        self.assertEqual(world.refused & set(world.arrived), set())
        self.assertEqual(world.receipts - world.delivered, set())

    async def test_before(self) -> None:
        """Stanzas stored before the fault are sent and delivered after it, in order."""
        world = await self.begin()
        await self.wait(world)
        await world.disk.heal()
        world.server.come()
        world.callback.release()
        await self.assertKept(world)

    async def test_beforeKilled(self) -> None:
        """
        Stanzas stored before the fault are sent and delivered after it, in order, even
        if the
        gateway is killed meanwhile.
        """
        world = await self.begin()
        await self.wait(world)
        await world.kill()
        await world.disk.heal()
        world.server.come()
        world.callback.release()
        await world.start()
        await self.assertKept(world)

    async def wait(self, world: World) -> None:
        """
        Let messages wait for the callback and for the server, then let the disk fail.
        """
        world.callback.mode = "holds"
        for number in range(USERS * WAITING):
            world.say(f"u{number % USERS}")
        # It is kept after all of them.
        last = world.say("last")
        await world.until(lambda: last in world.callback.held, "delivery")
        for label in world.written:
            world.inbound.promise(label)
        await world.server.leave()
        for number in range(WAITING):
            self.assertEqual((await world.post(f"c{number % CLIENTS}")).status, 202)
        await world.fail()
        while (await world.post("late")).status != 503:
            pass
        late = [Deferred.fromCoroutine(world.post("late")) for _ in range(WAITING)]
        self.assertEqual({each.status for each in await gatherResults(late)}, {503})

    async def assertKept(self, world: World) -> None:
        """All has come that waited, in order."""
        await world.until(lambda: not world.outbound.missing, "complete arrival")
        await world.until(lambda: world.written <= world.delivered, "complete delivery")
        self.assertEqual(check(world.outbound).wrong, "")
        self.assertEqual(check(world.inbound).wrong, "")
        while (await world.post("after")).status != 202:
            pass

    async def assertTold(self, world: World) -> None:
        """Check that clients get the reason."""
        ready = await world.ready(503)
        self.assertIn(world.disk.words, ready["store"]["reason"])
        self.assertEqual(ready["stream"], {"ready": True})
        for told in world.refusals:
            self.assertRegex(
                told,
                "^503, 5: .*The message cannot be stored, and so it was not accepted:"
                f" {re.escape(world.disk.words)}",
            )

    async def assertComplete(self, world: World) -> None:
        """All is there that should, and nothing that should not."""
        await world.until(lambda: not world.outbound.missing, "complete arrival")
        await world.until(
            lambda: world.written == world.delivered | world.bounced,
            "complete delivery",
        )
        await world.until(lambda: world.receipts == world.delivered, "receipts")
        self.assertEqual(check(world.outbound).wrong, "")
        self.assertEqual(world.bounced & world.delivered, set())
        self.assertEqual(world.refused & set(world.arrived), set())
        self.assertEqual(max(world.arrived.values()), 1)

    def assertCalm(self, world: World) -> None:
        """Nothing has happened that nobody had thought of."""
        self.assertNotIn("Traceback", world.gateway.output)

    def assertLogged(self, world: World) -> None:
        """Check that the log has the fault and its end, once, and nothing else."""
        _, _, said = world.gateway.output.partition(": connected.\n")
        # The moment that each line begins with is not the same.
        lines = [line.partition(" ")[2] for line in said.splitlines()]
        lines = [line for line in lines if not _CALLBACK.search(line)]
        for line in lines:
            self.assertRegex(line, "|".join(SAID))
        for each in SAID:
            self.assertRegex(said, each)
        self.assertEqual(len(lines), len(set(lines)), said)


class FullTests(FaultMixin, TestCase):
    """
    Nothing more can be written
    """

    def disk(self) -> Disk:
        return Injected("the disk is full", "pwrite64:error=ENOSPC")


class SyncTests(FaultMixin, TestCase):
    """
    The disk fails to sync
    """

    def disk(self) -> Disk:
        return Injected(
            "the disk reports an error (SQLITE_IOERR_FSYNC)",
            "fsync,fdatasync:error=EIO",
        )


class BrokenTests(FaultMixin, TestCase):
    """
    Nothing can be read, either
    """

    def disk(self) -> Disk:
        return Injected(
            "the disk reports an error", "pread64,pwrite64,ftruncate:error=EIO"
        )


class ReadOnlyTests(FaultMixin, TestCase):
    """
    The file system has become read-only
    """

    def disk(self) -> Disk:
        return Injected(
            # What is said depends on who is the first to come upon it.
            "",
            "pwrite64,ftruncate,unlink,openat:error=EROFS",
        )


class SmallTests(FaultMixin, TestCase):
    """
    A small one, full
    """

    def disk(self) -> Disk:
        return Small()

    async def test_starts(self) -> None:
        """
        A gateway that is started on it says why it cannot be, and nothing is missing
        when it can.
        """
        world = await self.begin()
        await self.wait(world)
        await world.kill()
        world.server.come()
        world.callback.release()
        with self.assertRaises(ServerFailed):
            await world.start()
        self.assertRegex(
            world.gateway.output,
            r"\nxmpprest: The store \S+ cannot be opened: the disk is full; mend that,"
            r" and start again\.\n",
        )
        await world.disk.heal()
        await world.start()
        await self.assertKept(world)


if not os.environ.get("XMPPREST_FAULTS"):
    # It needs a right that not every machine gives, to mount; and shows little more.
    del BrokenTests, SmallTests
