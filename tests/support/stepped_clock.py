"""A system clock of one process that can be stepped, by libfaketime."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: Where Debian's package libfaketime keeps the library.
_PLACES = "/usr/lib/*/faketime/libfaketime.so.1"

#: Seconds after which a running process sees a step, at most.
DELAY = 1.0


def _findLibrary() -> str:
    """Return the path of libfaketime, or an empty text if it is not installed."""
    return next(map(str, Path("/").glob(_PLACES.lstrip("/"))), "")


class SteppedClock:
    """
    The system clock of one process; its monotonic clock runs on undisturbed.

    Twisted and SQLite are content with it. C{time.sleep} fails in a process that uses
    it, because libfaketime 0.9.10 passes a wrong time to C{clock_nanosleep}.

    @ivar offset: Seconds by which this clock is ahead of the real one.
    """

    def __init__(self, directory: Path) -> None:
        """
        @param directory: Holds the file that libfaketime reads the offset from.
        """
        self.offset = 0.0
        self._file = directory / "clock"
        self.step(0)

    @staticmethod
    def missing() -> str:
        """Return why no clock can be stepped on this machine, or an empty text."""
        return "" if _findLibrary() else "Debian's libfaketime is not installed"

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of a process that uses this clock."""
        return {
            "LD_PRELOAD": _findLibrary(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # Reading the file at every call makes Python three times as slow.
            "FAKETIME_CACHE_DURATION": f"{DELAY:.0f}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Otherwise threads that wait for the interpreter's lock never sleep.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }

    def step(self, seconds: float) -> None:
        """Set the clock forward, or back by a negative number of seconds."""
        self.offset += seconds
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.offset:+.3f}\n")
        os.replace(new, self._file)
