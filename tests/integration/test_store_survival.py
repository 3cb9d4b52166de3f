"""
Programs that are killed, whose disk is full, or whose fsyncs fail do not lose the
records that L{xmpprest.store.sqlite} has stored.

The disk is a small tmpfs in a mount namespace of its own; the fsyncs fail by
C{strace -e inject}. Both are asked for by C{XMPPREST_FAULTS=1}.
"""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.store.sqlite import outbox_queries
from xmpprest.store.sqlite.database_file import DatabaseFile

from ..store.doubles import Told
from ..support.programs import Place, Program, require

FSYNC = "fsync,fdatasync"

#: How often a program is killed.
KILLS = 10


class SurvivalTestCase(SynchronousTestCase):
    """
    A test that lets programs keep messages.
    """

    def setUp(self) -> None:
        self.place = Place(self)
        self.path = self.place.path / "store.db"

    def keeper(self, *arguments: str, under: tuple[str, ...] = ()) -> Program:
        """Start a program that keeps messages in the file."""
        command = [sys.executable, "-m", "tests.support.store_keeper", *arguments]
        return self.place.start([*under, *command])

    def keep(self, callers: int, under: tuple[str, ...] = ()) -> Program:
        """Let so many callers store records, until the program is killed."""
        return self.keeper(str(self.path), str(callers), under=under)

    def kill(self, program: Program) -> None:
        """Kill it without warning, and read what it still has said."""
        # Its lock says which process it is, whatever was started before it.
        os.kill(int(Path(f"{self.path}.lock").read_text()), signal.SIGKILL)
        program.end()

    def there(self) -> set[str]:
        """The ids of all that is in the file."""
        file = DatabaseFile(str(self.path), Told(), sqlite3.connect)
        self.addCleanup(file.release)
        connection = file.open()
        messages = outbox_queries.queued(connection, after=0, limit=10**6)
        connection.close()
        file.release()
        return {each.id for each in messages}


def said(program: Program, what: str) -> set[str]:
    """The ids of what a program said so of, in whole lines."""
    return set(re.findall(rf"(?m)^{what} (\w+)\b.*\n", program.output))


class KillTests(SurvivalTestCase):
    """
    C{kill -9}
    """

    def test_kept(self) -> None:
        """
        Whenever a program is killed, all that it has said to be kept is kept.
        """
        chance = random.Random(4)
        kept: set[str] = set()
        for _ in range(KILLS):
            program = self.keep(callers=chance.choice((1, 4, 32)))
            lines = chance.randrange(1, 500)
            program.expect(rf"(?:kept \w+\n){{{lines}}}")
            self.kill(program)
            self.assertEqual(said(program, "failed"), set())
            kept |= said(program, "kept")
            self.assertEqual(kept - self.there(), set())

    def test_lock(self) -> None:
        """
        A second program is refused while the first lives, and no longer.
        """
        first = self.keep(callers=1)
        first.expect("kept")
        second = self.keep(callers=1)
        second.expect(r"unusable: The store .* is in use by another gateway \(process")
        self.assertEqual(second.end(), 0)
        self.kill(first)
        self.keep(callers=1).expect("kept")


class FsyncTests(SurvivalTestCase):
    """
    fsync
    """

    def traced(self, *options: str) -> tuple[str, ...]:
        """The command that watches a program, or interferes with it."""
        require("strace")
        return ("strace", "-f", "-qq", "-e", "signal=none", *options)

    def interfere(self, when: str, until: str) -> Program:
        """Let some fsyncs of a program fail; wait until it has said something."""
        program = self.keep(
            4,
            self.traced(
                *("-o", os.devnull, "-e", f"trace={FSYNC}"),
                *("-e", f"inject={FSYNC}:error=EIO:when={when}"),
            ),
        )
        program.expect(until)
        return program

    def test_failed(self) -> None:
        """
        Calls that failed have no effect, and all others have theirs, whether the disk
        works
        again or not when the program is killed.
        """
        again = r"failed(?s:.)*\n(?:kept \w+\n){100}"
        for when, until in (
            ("20..20", again),
            ("30..33", again),
            ("25..60+3", again),
            ("40+", r"(?:failed .*\n){50}"),
        ):
            program = self.interfere(when, until)
            self.assertIn("an error (SQLITE_IOERR_FSYNC)\n", program.output)
            self.kill(program)
            there = self.there()
            self.assertEqual(said(program, "kept") - there, set(), when)
            self.assertEqual(said(program, "failed") & there, set(), when)

    def test_before(self) -> None:
        """
        Nothing is said to be kept before it is on the disk.
        """
        log = self.place.path / "trace"
        calls = f"trace=pwrite64,write,{FSYNC}"
        program = self.keep(1, self.traced("-y", "-o", str(log), "-e", calls))
        program.expect(r"(?:kept \w+\n){50}")
        self.kill(program)
        self.assertGreaterEqual(reported(log), 50)


def reported(log: Path) -> int:
    """
    Read what strace has written.

    @return: How often something was said to be kept.
    @raise AssertionError: Something was that was not on the disk.
    """
    reports, written = 0, False
    syncing: set[str] = set()
    for line in log.read_text().splitlines():
        thread, call = line.split(maxsplit=1)
        if "-wal>" in call and call.startswith("pwrite64"):
            written = True
        elif "-wal>" in call and call.startswith(("fsync", "fdatasync")):
            syncing.add(thread)
        if thread in syncing and call.endswith("= 0"):
            syncing.remove(thread)
            written = False
        if '"kept ' in call:
            assert not written, line
            reports += 1
    return reports


class FullDiskTests(SurvivalTestCase):
    """
    A full disk
    """

    def test_full(self) -> None:
        """
        A call that finds no room has no effect; once there is room, the store works
        again.
        """
        disk = self.place.path / "disk"
        disk.mkdir()
        ballast = disk / "ballast"
        script = (
            'mount -t tmpfs -o size=16m tmpfs "$0"'
            ' && head -c 8000000 /dev/zero > "$0/ballast" && exec "$@"'
        )
        program = self.keeper(
            *(str(disk / "store.db"), "1", str(ballast)),
            under=(*namespace(), "sh", "-c", script, str(disk)),
        )
        program.expect("\nend\n")
        kept, failed, there = (
            said(program, what) for what in ("kept", "failed", "there")
        )
        self.assertIn(": the disk is full\n", program.output)
        self.assertGreater(len(kept), 100)
        self.assertGreater(len(failed), 20)
        self.assertEqual(there, kept)


def namespace() -> tuple[str, ...]:
    """
    The command that gives a program mounts of its own.

    @raise SkipTest: Users may not.
    """
    require("unshare")
    command = ("unshare", "--user", "--map-root-user", "--mount")
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        reason = "users may not make namespaces (unshare --user)"
        if os.environ.get("XMPPREST_FORBID_SKIPS"):
            raise AssertionError(f"skips are forbidden, but {reason}")
        raise SkipTest(reason)
    return command


if not os.environ.get("XMPPREST_FAULTS"):
    # They need rights that not every machine gives: to trace, and to mount.
    del FsyncTests, FullDiskTests
