"""CPU time and memory of processes, from Linux' C{/proc}."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpuSeconds(pid: int) -> float:
    """Return the CPU seconds of a process, user and system."""
    # The name in parentheses may hold any character, parentheses included.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def residentBytes(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


class ProcessSampler:
    """
    Measures the CPU time of processes from now on.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        """@param pids: The process ids by the name of their figure."""
        self._pids = dict(pids)
        self._before = self._read()

    def _read(self) -> Mapping[str, float]:
        return {name: cpuSeconds(pid) for name, pid in self._pids.items()}

    def each(self, count: float) -> Mapping[str, float]:
        """Return the CPU microseconds per request, for a number of requests."""
        now = self._read()
        return {
            name: (now[name] - before) / count * 1e6
            for name, before in self._before.items()
            if count
        }
