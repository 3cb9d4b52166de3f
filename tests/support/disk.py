"""
Disks that fail when they are told to, under a gateway that runs, and are well again.

L{Injected} needs no rights but to trace a process of one's own, which containers give;
L{Small} is a real disk that is really full, and has to be mounted.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from twisted.internet.threads import deferToThread

from tests.support.programs import TIMEOUT, require, skipBecause

#: Lets any process of this user trace what is run, if the machine is one where only
#: its parents may (Yama's ptrace_scope 1); where there is no Yama, nothing happens.
_TRACEABLE = """
import ctypes, os, sys
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)
ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
os.execvp(sys.argv[1], sys.argv[1:])
"""

#: Bytes of a small disk.
SIZE = 24 * 2**20


class Disk(Protocol):
    """
    A disk.

    @ivar words: What is wrong with it when it fails, as the gateway says it.
    """

    words: str

    def prepare(self, directory: Path) -> None:
        """Be there, at an empty directory; or end the test here."""

    def under(self, command: Sequence[str]) -> list[str]:
        """The command that runs another one with this disk."""

    async def fail(self, pid: int) -> None:
        """Fail, as far as a process is concerned that was run so."""

    async def heal(self) -> None:
        """Be well again; it may be already, or the process gone."""

    def remove(self) -> None:
        """Leave nothing behind."""


class Injected:
    """
    The disk that everything is on. To make it fail, strace is attached to the process,
    and lets calls of the system return an error; to heal it, strace is ended.
    """

    def __init__(self, words: str, *faults: str) -> None:
        """@param faults: Which calls fail, and how, as C{strace -e inject} has it."""
        self.words = words
        self._faults = faults
        self._strace: subprocess.Popen[str] | None = None

    def prepare(self, directory: Path) -> None:
        """See L{Disk.prepare}."""
        require("strace")
        self._directory = directory.resolve()

    def under(self, command: Sequence[str]) -> list[str]:
        """See L{Disk.under}."""
        return [sys.executable, "-c", _TRACEABLE, *command]

    async def fail(self, pid: int) -> None:
        """See L{Disk.fail}."""
        said = await deferToThread(self._attach, pid)
        if " attached" not in said:
            skipBecause(f"strace does not trace: {said.strip()}")

    def _attach(self, pid: int) -> str:
        """Let strace begin; returns what it says until it does, or has ended."""
        command = ["strace", "-f", "-o", os.devnull, "-e", "signal=none"]
        for path in self._directory.iterdir():
            command += ["-P", str(path)]
        for fault in self._faults:
            command += ["-e", f"inject={fault}"]
        self._strace = subprocess.Popen(
            [*command, "-p", str(pid)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._strace.stderr is not None
        said = ""
        for line in self._strace.stderr:
            said += line
            if " attached" in line:
                break
        return said

    async def heal(self) -> None:
        """See L{Disk.heal}."""
        if self._strace is not None:
            self._strace.terminate()
            # What it says it must be able to say.
            await deferToThread(self._strace.communicate, timeout=TIMEOUT)
            self._strace = None

    def remove(self) -> None:
        """See L{Disk.remove}."""
        if self._strace is not None:
            self._strace.kill()
            self._strace.communicate()


class Small:
    """
    A small one (a tmpfs), in a mount namespace of its own, which goes with the last
    process in there. To make it fail, it is filled up.
    """

    words = "the disk is full"

    def __init__(self) -> None:
        self._ballast: Path
        self._holder: subprocess.Popen[str] | None = None

    def prepare(self, directory: Path) -> None:
        """See L{Disk.prepare}."""
        require("unshare")
        require("nsenter")
        mount = f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && echo mounted && exec cat'
        self._holder = subprocess.Popen(
            [
                *("unshare", "--user", "--map-root-user", "--mount"),
                *("sh", "-c", mount, str(directory)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline()
        if said != "mounted\n":
            skipBecause(f"there is no mounting: {said.strip()}")
        inside = directory.relative_to("/")
        self._ballast = Path(f"/proc/{self._holder.pid}/root") / inside / "ballast"

    def under(self, command: Sequence[str]) -> list[str]:
        """See L{Disk.under}."""
        assert self._holder is not None
        return [
            *("nsenter", "--target", str(self._holder.pid)),
            *("--user", "--preserve-credentials", "--mount", "--wd=."),
            *command,
        ]

    async def fail(self, pid: int) -> None:
        """See L{Disk.fail}."""
        with self._ballast.open("wb", buffering=0) as ballast:
            size = SIZE
            while size:
                try:
                    ballast.write(bytes(size))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    async def heal(self) -> None:
        """See L{Disk.heal}."""
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        """See L{Disk.remove}."""
        if self._holder is not None:
            self._holder.kill()
            self._holder.communicate()
