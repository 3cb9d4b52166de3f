"""
Tests for L{xmpprest.store.sqlite.writer_thread}: with its thread, and the reactor.
"""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from sqlite3 import Connection
from threading import Event, get_ident
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from xmpprest.core.records import NewMessage, StoreUnavailable
from xmpprest.store.sqlite import outbox_queries
from xmpprest.store.sqlite.coalesce import Coalescable
from xmpprest.store.sqlite.writer_thread import (
    BATCH_LIMIT,
    QUEUE_LIMIT,
    REST,
    REST_LIMIT,
    WriterThread,
)

from ..store.doubles import FaultyDisk, diskError
from ..support.programs import Place, Program

#: Seconds after which a thread that waits for a test gives up.
PATIENCE = 60.0


class WriterTests(TestCase):
    """
    Tests for L{WriterThread}.
    """

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        from twisted.internet import reactor

        self.reactor: Any = reactor  # a module, to a type checker
        self.disk = FaultyDisk()
        self.path = self.mktemp()
        self.writer = self.make()
        await self.writer.start()
        self.addCleanup(self.writer.stop)
        self.disk.statements.clear()

    def make(self) -> WriterThread:
        """A writer for the file."""
        return WriterThread(self.path, self.reactor, self.disk.connect)

    async def test_commits(self) -> None:
        """The durations of commits and the calls in each are measured."""
        commits = self.writer.commits
        before = commits.calls.count
        await gatherResults([self.accept(str(number)) for number in range(5)])
        self.assertEqual(commits.calls.count, before + 1)
        self.assertEqual(commits.calls.sum, commits.calls.count - 1 + 5)
        self.assertEqual(commits.seconds.count, commits.calls.count)
        self.assertGreater(commits.seconds.sum, 0)

    def accept(self, id: str = "a") -> Deferred[Any]:
        """Keep a message."""
        return self.writer.submit(
            Coalescable(outbox_queries.add, NewMessage(id, "", "", 1.0))
        )

    async def hold(self) -> tuple[Deferred[Any], Event]:
        """Keep the thread busy until an event is set; fires after that."""
        begun: Deferred[None] = Deferred()
        release = Event()
        self.addCleanup(release.set)

        def wait(connection: Connection) -> None:
            self.reactor.callFromThread(begun.callback, None)
            self.assertTrue(release.wait(PATIENCE))

        held = self.writer.submit(wait)
        await begun
        return held, release

    def nextTurn(self) -> Deferred[None]:
        """Wait for it; the reactor runs from then on."""
        return deferLater(self.reactor, 0, lambda: None)

    async def test_thread(self) -> None:
        """
        Work is done in another thread, and its result is here.
        """
        thread = await self.writer.submit(lambda connection: get_ident())
        self.assertNotEqual(thread, get_ident())

    async def test_group(self) -> None:
        """
        Calls made during a commit are all in the next one, and the reactor does not
        wait.
        """
        held, release = await self.hold()
        asked = []
        for turn in range(2):
            half = range(BATCH_LIMIT // 2)
            asked += [self.accept(f"{turn} {each}") for each in half]
            await self.nextTurn()
        self.assertFalse(any(each.called for each in asked))
        release.set()
        await gatherResults([held, *asked])
        self.assertEqual(self.disk.commits, 2)

    async def test_groups(self) -> None:
        """
        If that is too much for one, it is in several.
        """
        held, release = await self.hold()
        asked = [self.accept(f"{each}") for each in range(2 * BATCH_LIMIT + 1)]
        release.set()
        await gatherResults([held, *asked])
        self.assertEqual(self.disk.commits, 4)

    async def test_idle(self) -> None:
        """
        Calls made in one turn of the reactor are in one commit, which begins at once.
        """
        for turn in range(1, 4):
            await gatherResults([self.accept(), self.accept()])
            self.assertEqual(self.disk.commits, turn)

    async def test_together(self) -> None:
        """Calls of one commit are reported in one turn of the reactor."""
        held, release = await self.hold()
        one, two = self.accept("one"), self.accept("two")
        turns: list[str] = []
        one.addBoth(lambda result: self.reactor.callFromThread(turns.append, "next"))
        two.addBoth(lambda result: turns.append("two"))
        release.set()
        await gatherResults([held, one, two])
        self.assertEqual(turns, ["two"])

    async def test_fault(self) -> None:
        """
        A mistake comes back to whoever made it, and to nobody else.
        """
        held, release = await self.hold()
        faulty = self.writer.submit(lambda connection: 1 // 0)
        good = self.accept()
        release.set()
        with self.assertRaises(ZeroDivisionError):
            await faulty
        self.assertEqual(await good, 1)
        await held

    async def test_unavailable(self) -> None:
        """Calls fail while the disk refuses commits, and succeed again afterwards."""
        self.disk.fail("COMMIT", diskError(sqlite3.SQLITE_FULL))
        with self.assertRaisesRegex(StoreUnavailable, "^the disk is full$"):
            await self.accept()
        self.disk.mend()
        self.assertEqual(await self.accept(), 1)

    async def test_tooMuch(self) -> None:
        """
        Not more is asked of a disk than it may have to catch up with.
        """
        held, release = await self.hold()
        asked = [self.writer.submit(lambda _: None) for _ in range(QUEUE_LIMIT - 1)]
        with self.assertRaisesRegex(StoreUnavailable, "does not keep up"):
            await self.writer.submit(lambda _: None)
        release.set()
        await gatherResults([held, *asked])
        await self.accept()

    async def test_stop(self) -> None:
        """Calls before the end take effect, and then the file is released."""
        held, release = await self.hold()
        asked = [self.accept(f"{each}") for each in range(3)]
        stopped = self.writer.stop()
        with self.assertRaisesRegex(StoreUnavailable, "closed"):
            await self.accept()
        release.set()
        await stopped
        self.assertEqual(await gatherResults(asked), [1, 2, 3])
        await held
        other = self.make()
        await other.start()
        await other.stop()

    async def test_stopAtOnce(self) -> None:
        """The thread may stop while it starts, or before."""
        await self.nextTurn()
        await self.writer.stop()
        await self.make().stop()
        writer = self.make()
        started = writer.start()
        await writer.stop()
        await started

    async def test_unusable(self) -> None:
        """
        If it cannot begin, what was asked already fails, too, after that; and it may
        be asked to end. Later, it may begin again.
        """
        await self.nextTurn()
        other = self.make()
        failed: list[str] = []
        fails = [other.start(), *(other.submit(lambda _: None) for _ in range(2))]
        for each in fails:
            each.addErrback(lambda reason: failed.append(str(reason.value)))
        await gatherResults(fails)
        self.assertIn("in use by another gateway", failed[0])
        self.assertEqual(failed[1:], ["the store is not open"] * 2)
        with self.assertRaisesRegex(StoreUnavailable, "closed"):
            await other.submit(lambda _: None)
        await other.stop()
        await self.writer.stop()
        await other.start()
        self.assertEqual(await other.submit(lambda _: 7), 7)
        await other.stop()


class Turns(Clock):
    """A reactor whose turns and time are the test's."""

    running = True

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:
        """From the other thread."""
        from twisted.internet import reactor

        reactor.callFromThread(callable, *args, **kwargs)  # type: ignore[attr-defined]


class RestTests(TestCase):
    """
    Calls that may wait
    """

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits for it
        self.clock = Turns()
        self.disk = FaultyDisk()
        self.writer = WriterThread(self.mktemp(), self.clock, self.disk.connect)
        await self.writer.start()
        self.addCleanup(self.writer.stop)
        self.disk.statements.clear()
        self.done: list[str] = []

    def ask(self, name: str, rests: int = 0) -> Deferred[None]:
        """Do something that is told apart by a name."""
        return self.writer.submit(lambda _: self.done.append(name), rests)

    async def test_rides(self) -> None:
        """A waiting call is in the commit of the next call, and done before it."""
        rests = self.ask("rests", 7)
        self.clock.advance(REST / 2)
        urgent = self.ask("urgent")
        self.clock.advance(0)
        await gatherResults([rests, urgent])
        self.assertEqual(self.done, ["rests", "urgent"])
        self.assertEqual(self.disk.commits, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def test_behind(self) -> None:
        """A waiting call is in the commit of an earlier call of the same turn, too."""
        both = [self.ask("urgent"), self.ask("rests", 7)]
        self.clock.advance(0)
        await gatherResults(both)
        self.assertEqual(self.disk.commits, 1)

    async def test_alone(self) -> None:
        """
        If nothing is asked, it is done after a while, however much comes to it.
        """
        first = self.ask("first", 1)
        self.clock.advance(REST * 0.9)
        second = self.ask("second", 1)
        self.clock.advance(REST * 0.1)
        await gatherResults([first, second])
        self.assertEqual(self.disk.commits, 1)

    async def test_many(self) -> None:
        """
        If there is much, it is done at once.
        """
        first = self.ask("first", REST_LIMIT - 1)
        self.clock.advance(REST / 2)
        second = self.ask("second", 1)
        self.clock.advance(0)
        await gatherResults([first, second])
        self.assertEqual(self.disk.commits, 1)

    async def test_again(self) -> None:
        """A call after a commit waits anew."""
        self.ask("rests", REST_LIMIT - 1)
        await self.end()
        again = self.ask("again", REST_LIMIT - 1)
        (call,) = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime(), self.clock.seconds() + REST)
        await self.end()
        await again

    async def end(self) -> None:
        """Ask for something, and let it be done."""
        urgent = self.ask("urgent")
        self.clock.advance(0)
        await urgent

    async def test_stop(self) -> None:
        """A waiting call takes effect before the end."""
        rests = self.ask("rests", 1)
        await self.writer.stop()
        await rests
        self.assertEqual(self.disk.commits, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class BeforeTests(SynchronousTestCase):
    """
    Before the reactor runs
    """

    def open(self, store: Path | None = None) -> Program:
        """Start a program that opens a store before, and keeps a message after."""
        self.place = Place(self)
        self.path = store or self.place.path / "store.db"
        return self.place.start(
            [sys.executable, "-m", "tests.support.store_opener", str(self.path)]
        )

    def test_opened(self) -> None:
        """
        The file is open; what is asked is done once the reactor runs.
        """
        program = self.open()
        self.assertEqual(program.end(), 0)
        self.assertEqual(program.output, "open\nrunning\nkept\nclosed\n")

    def test_unusable(self) -> None:
        """
        That it cannot be opened is known, so that the program can end with a sentence.
        """
        program = self.open(Path("/proc/store.db"))
        self.assertEqual(program.end(), 1)
        self.assertRegex(program.output, r"^The store /proc/store\.db [^\n]+\.\n$")

    def test_told(self) -> None:
        """Events of the thread are in the log before anything else happens."""
        self.assertEqual(self.open().end(), 0)
        self.path.write_bytes(b"garbage")
        program = self.open(self.path)
        self.assertEqual(program.end(), 0)
        self.assertRegex(program.output, r"^The store .* is damaged: .*\nopen\n")
