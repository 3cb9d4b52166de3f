"""What processes take of the machine, as Linux tells it in C{/proc}."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpuSeconds(pid: int) -> float:
    """The time of a process on the processors, its own and the system's for it."""
    # What stands in brackets is the program's name, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def residentBytes(pid: int) -> int:
    """How much memory a process has."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


class ProcessSampler:
    """
    How much time on the processors some processes take from now on.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        """
        @param pids: Each by the name of the figure.
        """
        self._pids = dict(pids)
        self._before = self._read()

    def _read(self) -> Mapping[str, float]:
        return {name: cpuSeconds(pid) for name, pid in self._pids.items()}

    def each(self, count: float) -> Mapping[str, float]:
        """Microseconds for each of so many things that they have done."""
        now = self._read()
        return {
            name: (now[name] - before) / count * 1e6
            for name, before in self._before.items()
            if count
        }
