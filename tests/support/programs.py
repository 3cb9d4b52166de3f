"""
Programs that tests start, as a person would; each is ended with all that it started.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import unittest
from pathlib import Path
from typing import NoReturn

#: The checkout that is tested, be the package installed or not.
ROOT = Path(__file__).parents[2]

#: Seconds after which something has gone wrong, on the slowest machine.
TIMEOUT = 60.0


def twist(*arguments: str) -> list[str]:
    """The command C{python -m twisted}."""
    return [sys.executable, "-m", "twisted", *arguments]


def twistd(*arguments: str) -> list[str]:
    """The command C{twistd}."""
    script = Path(sysconfig.get_path("scripts"), "twistd")
    return [sys.executable, str(script), *arguments]


def require(program: str) -> None:
    """
    End the calling test here if a program is not installed.

    @raise SkipTest: It is not.
    @raise AssertionError: It is not, and the environment has
        C{XMPPREST_FORBID_SKIPS}.
    """
    if shutil.which(program):
        return
    skipBecause(f"{program} is not installed")


def skipBecause(reason: str) -> NoReturn:
    """
    End the calling test here, because the machine lacks something.

    @raise SkipTest: As it is.
    @raise AssertionError: The environment has C{XMPPREST_FORBID_SKIPS}.
    """
    if os.environ.get("XMPPREST_FORBID_SKIPS"):
        raise AssertionError(f"skips are forbidden, but {reason}")
    raise unittest.SkipTest(reason)


class Place:
    """
    An empty directory for programs to run in: the current one, their home, and where
    their temporary files go.
    """

    def __init__(self, case: unittest.TestCase) -> None:
        # Not trial's own, whose path is too long for a Unix socket.
        self.path = Path(tempfile.mkdtemp(prefix="xmpprest-test-"))
        self._case = case
        case.addCleanup(shutil.rmtree, self.path)

    def write(self, name: str, text: str) -> str:
        """Write a file; returns its path."""
        path = self.path / name
        path.write_text(text)
        return str(path)

    def start(self, command: list[str], **environ: str) -> Program:
        """Start a program, which does not outlive the test."""
        program = Program(command, self.path, {**self._environ(), **environ})
        self._case.addCleanup(program.kill)
        return program

    def _environ(self) -> dict[str, str]:
        """Return the environment without the variables that a gateway reads."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("XMPPREST_", "PYTHON", "CURL_"))
            and name != "CREDENTIALS_DIRECTORY"
        }
        here = str(self.path)
        own = {"HOME": here, "TMPDIR": here, "PYTHONPATH": str(ROOT)}
        return {**kept, **own, "PYTHONDONTWRITEBYTECODE": "1"}


class Program:
    """
    A program that runs.

    @ivar output: What it has printed so far, as far as it was read.
    """

    def __init__(self, command: list[str], path: Path, environ: dict[str, str]) -> None:
        self.output = ""
        self._process = subprocess.Popen(
            # Whoever runs the tests in the background may have them ignore SIGINT.
            ["env", "--default-signal=INT", *command],
            cwd=path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def expect(self, pattern: str) -> re.Match[str]:
        """
        Wait until it prints something.

        @raise AssertionError: It does not.
        """
        deadline = time.monotonic() + TIMEOUT
        while (match := re.search(pattern, self.output)) is None:
            assert self._read(deadline), f"no {pattern!r} in:\n{self.output}"
        return match

    def end(self, number: signal.Signals | None = None) -> int:
        """
        Wait until it ends, after a signal if one is given; returns the exit status.
        """
        if number is not None:
            self._process.send_signal(number)
        deadline = time.monotonic() + TIMEOUT
        while self._read(deadline):
            pass
        return self._process.wait(TIMEOUT)

    @property
    def leftOver(self) -> bool:
        """Whether any process of those that it started, itself included, is there."""
        try:
            os.killpg(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def kill(self) -> None:
        """End it, and what it started, at once."""
        if self.leftOver:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(TIMEOUT)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self, deadline: float) -> bool:
        """Read what there is, or wait for it; C{False} at the end."""
        assert self._process.stdout is not None
        remaining = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([self._process.stdout], [], [], remaining)
        assert ready, f"nothing more in {TIMEOUT:g} s after:\n{self.output}"
        data = os.read(self._process.stdout.fileno(), 65536)
        self.output += data.decode(errors="replace")
        return bool(data)
