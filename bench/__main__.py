"""
Benchmark the gateway beside other programs, on Prosody and on ejabberd.

C{python -m bench} measures each case with all candidates in turn, for several rounds,
and prints tables of the medians; a full run takes some hours. C{--quick} takes some
minutes and shows that every case works, not how fast anything is. C{--output DIR}
writes the tables to C{tables.rst}, every figure to C{results.json}, and plots to
C{*.svg}.

A ratio is the median of each round's ratio to the first row of the case, since noise on
the machine hits both rows of a round. CPU is that of one process per request; the
server's CPU is a figure of its own. A candidate that is not installed is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import selectors
import shlex
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from . import report
from .cases import CASES
from .reporting.statistics import COLUMNS, Measurement, Result
from .testbed import SERVERS, Case, Measure, RunOptions, TestBed

#: Seconds that one measurement may take; filling a store takes longest.
LIMIT = 1800


def parseArguments(arguments: Sequence[str]) -> argparse.Namespace:
    """
    Parse the command line. No file that it names has to exist, so that a recorded
    command parses on every machine; L{requireModRest} checks them before a run.

    @raise SystemExit: An option is unknown, or no case or contender has the given name.
    """
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__.split("\n\n")[0]
    )
    add = parser.add_argument
    add("--cases", nargs="+", default=["*"], help="patterns of their names")
    add("--who", nargs="+", default=["*"], help="patterns of contenders, or of rows")
    add("--servers", nargs="+", default=[*SERVERS], choices=[*SERVERS])
    add("--rounds", type=int, help="5 by default")
    add("--seconds", type=int, help="of a measurement, 5 by default")
    add("--quick", action="store_true", help="1 round, of 1 second")
    add("--output", type=Path, metavar="DIR", help="where the results are written")
    add("--mod-rest", type=Path, metavar="DIR", help="a copy of Prosody's mod_rest")
    add("--list", action="store_true", help="name the cases, and end")
    asked = parser.parse_args(arguments)
    default = 1 if asked.quick else 5
    asked.rounds = asked.rounds or default
    asked.seconds = asked.seconds or default
    asked.chosen = [
        replace(case, rows=rows)
        for case in CASES
        if _isOne(case.name, asked.cases)
        and (rows := {it: case.rows[it] for it in case.rows if _isOne(it, asked.who)})
    ]
    if not asked.chosen:
        parser.error(
            f"no case is called {' or '.join(asked.cases)}, or none has what is called"
            f" {' or '.join(asked.who)}; try --list"
        )
    if asked.mod_rest is not None:
        asked.mod_rest = asked.mod_rest.resolve()
        if asked.mod_rest.name != "mod_rest":
            parser.error("the directory must be called mod_rest, as Prosody expects")
    return asked


def requireModRest(directory: Path | None) -> None:
    """
    Check the directory given with C{--mod-rest}, before anything is started.

    @raise SystemExit: The directory holds no C{mod_rest.lua}.
    """
    if directory is not None and not (directory / "mod_rest.lua").is_file():
        raise SystemExit(
            f"{directory} has no file mod_rest.lua; give --mod-rest a copy of"
            " Prosody's mod_rest, or leave it out."
        )


def _isOne(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name matches one of the patterns."""
    return any(fnmatch(name, each) for each in patterns)


class BenchmarkRun:
    """
    Measures cases on a test bed.

    @ivar results: The results so far.
    @ivar failed: The names of the cases in which a measurement failed.
    """

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.failed: list[str] = []

    async def run(
        self, bed: TestBed, server: str, case: Case, effort: RunOptions, rounds: int
    ) -> None:
        """Measure all rows of a case in turn."""
        for number in range(1 if case.once else rounds):
            for row, measure in case.rows.items():
                found = await self._attempt(measure, bed, effort, case)
                if found is not None:
                    result = Result(
                        *(server, case.name, row, number, found.values, found.series)
                    )
                    self.results.append(result)
                    print(formatResult(result), file=sys.stderr, flush=True)

    async def _attempt(
        self, measure: Measure, bed: TestBed, effort: RunOptions, case: Case
    ) -> Measurement | None:
        """Measure one row. A failure is printed and does not stop the other rows."""
        try:
            return await asyncio.wait_for(measure(bed, effort), LIMIT)
        except Exception:
            traceback.print_exc()
            self.failed.append(case.name)
            return None


def formatResult(result: Result) -> str:
    """Format a result as one line of text."""
    figures = [
        f"{COLUMNS[name][0]} {result.values[name]:{COLUMNS[name][1]}}"
        for name in COLUMNS
        if name in result.values
    ]
    return (
        f"{result.server} {result.case} {result.row}, round {result.round + 1}: "
        + ", ".join(figures)
    )


def machine() -> dict[str, object]:
    """Describe the machine, the time and the software of this run."""
    cpu = "unknown"
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(
            line.partition(":")[2].strip() for line in lines if "model name" in line
        )
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "commit": commit.stdout.strip() or "unknown",
        "command": shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
    }


async def main(asked: argparse.Namespace, measuring: BenchmarkRun) -> None:
    """Measure the requested cases."""
    effort = RunOptions(asked.seconds, asked.quick)
    for server in asked.servers:
        if reason := SERVERS[server].missing():
            print(reason, file=sys.stderr)
            continue
        bed = TestBed(server, asked.mod_rest)
        try:
            await bed.start()
            for case in asked.chosen:
                await measuring.run(bed, server, case, effort, asked.rounds)
        finally:
            await bed.stop()


def run(arguments: Sequence[str]) -> None:
    """Measure, print the tables and write the files."""
    asked = parseArguments(arguments)
    if asked.list:
        for case in asked.chosen:
            print(f"{case.name:20} {case.title}: {' | '.join(case.rows)}")
        return
    requireModRest(asked.mod_rest)
    if shutil.which("wrk") is None:
        raise SystemExit("There is no program 'wrk' in PATH; Debian's package is wrk.")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # So that SIGTERM stops the processes that were started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))

    # The default selector waits in whole milliseconds.
    def loop() -> asyncio.SelectorEventLoop:
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    measuring = BenchmarkRun()
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(main(asked, measuring))
    finally:
        # Write the results so far, however the run ended.
        print(report.tables(measuring.results, CASES))
        if asked.output is not None:
            report.write(asked.output, measuring.results, [machine()])
    if measuring.failed:
        raise SystemExit(f"Not all was measured of {', '.join(measuring.failed)}.")


if __name__ == "__main__":
    run(sys.argv[1:])
