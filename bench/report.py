"""
Tables and plots of the results.

C{python -m bench.report DESTINATION DIR...} merges the results of several runs. Of two
results for the same row, the later one counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from .cases import CASES
from .reporting import svg_plots
from .reporting.rst_table import table
from .reporting.statistics import COLUMNS, Result, medians, ratio
from .reporting.summary import summary
from .reporting.targets import TARGETS
from .testbed import Case

#: The titles of the tables, by the figure whose ratios they show.
GROUPS: Mapping[str, str] = {
    "rate": "Throughput",
    "p99": "Latency",
    "cpu": "Cost of a large store",
    "ready": "Startup",
    "growth": "Long run",
}

#: The file with every figure.
RESULTS = "results.json"

#: The server of the summary.
SUMMARISED = "prosody"

#: Figures that are left out when they are zero.
TROUBLES = {"refused", "lost", "settled"}

#: Cases that are plotted together, by the beginning of their names.
SIZES = "size-"


def tables(results: Sequence[Result], cases: Iterable[Case]) -> str:
    """
    Return all tables: for each server, first its targets, then all its measurements.
    """
    known = list(cases)
    parts = []
    for server in _distinct(each.server for each in results):
        if shown := _shown(results, server):
            parts.append(f"Targets ({server}):\n\n{shown}\n")
        for figure, title in GROUPS.items():
            found = [
                (case, _of(results, server, case))
                for case in known
                if case.compared == figure and _of(results, server, case)
            ]
            if found:
                parts.append(f"{title} ({server}):\n\n{_group(found)}\n")
    return "\n".join(parts)


def _of(results: Sequence[Result], server: str, case: Case) -> list[Result]:
    return [each for each in results if (each.server, each.case) == (server, case.name)]


def _group(found: Sequence[tuple[Case, list[Result]]]) -> str:
    """Return a table of several cases with every figure that one of them has."""
    present = {
        name
        for _, each in found
        for one in each
        for name, value in one.values.items()
        if value or name not in TROUBLES
    }
    names = [name for name in COLUMNS if name in present]
    headings = (
        "case",
        "candidate or size",
        "ratio",
        *(COLUMNS[name][0] for name in names),
    )
    rows = [headings]
    for case, results in found:
        mine = _distinct(each.row for each in results)
        for row in mine:
            values = medians(each for each in results if each.row == row)
            times = ratio(results, case.compared, row, mine[0])
            rows.append(
                (
                    case.name,
                    row,
                    "" if times is None else f"{times:.2f}",
                    *(
                        f"{values[name]:{COLUMNS[name][1]}}" if name in values else ""
                        for name in names
                    ),
                )
            )
    return table(rows)


def _shown(results: Sequence[Result], server: str) -> str:
    """Return the table of the measured targets, and whether each is met."""
    rows = [("target", "required", "measured", "result")]
    for target in TARGETS:
        found = target.measured([each for each in results if each.server == server])
        if found is not None:
            verdict = "met" if target.met(found) else "missed"
            rows.append((target.text, target.wanted, f"{found:.2f}", verdict))
    return table(rows) if len(rows) > 1 else ""


def plots(results: Sequence[Result], cases: Iterable[Case]) -> Mapping[str, str]:
    """Return all plots by the name of their file."""
    found = {}
    for server in _distinct(each.server for each in results):
        for case in cases:
            if mine := _of(results, server, case):
                found[f"{server}-{case.name}.svg"] = _bars(case, server, mine)
                found.update(_overTime(case, server, mine))
        if drawn := _bySize(results, server):
            found[f"{server}-size.svg"] = drawn
    return found


def _bars(case: Case, server: str, results: Sequence[Result]) -> str:
    heading, format, _ = COLUMNS[case.compared]
    values = {
        row: medians(each for each in results if each.row == row)[case.compared]
        for row in _distinct(
            # Nothing arrived, so there is nothing to plot.
            each.row
            for each in results
            if case.compared in each.values
        )
    }
    return svg_plots.bars(f"{case.title} ({server}): {heading}", values, format)


def _overTime(
    case: Case, server: str, results: Sequence[Result]
) -> Iterable[tuple[str, str]]:
    for figure in ("rss", "p99"):
        series = {
            each.row: [(value["at"], value[figure]) for value in each.series]
            for each in results
            if each.series
        }
        if series:
            heading = COLUMNS[figure][0]
            drawn = svg_plots.lines(
                f"{case.title} ({server})", "seconds", heading, series
            )
            yield f"{server}-{case.name}-{figure}.svg", drawn


def _bySize(results: Sequence[Result], server: str) -> str:
    """
    Return the plot of the cost of a message by its size; empty if it was not measured.
    """
    of = [
        each
        for each in results
        if each.server == server
        and each.case.startswith(SIZES)
        and "cpu" in each.values
    ]
    series = {
        row: sorted(
            (
                float(case.removeprefix(SIZES)),
                medians(it for it in of if (it.row, it.case) == (row, case))["cpu"],
            )
            for case in _distinct(each.case for each in of if each.row == row)
        )
        for row in _distinct(each.row for each in of)
    }
    title = f"POST a message ({server}), 16 connections"
    if not series:
        return ""
    return svg_plots.lines(title, "KiB", "its CPU µs", series, log=True)


def _distinct(names: Iterable[str]) -> list[str]:
    """Return the names without repetitions, in their order."""
    return list(dict.fromkeys(names))


def write(
    directory: Path, results: Sequence[Result], runs: Sequence[Mapping[str, object]]
) -> None:
    """
    Write the results, tables and plots to a directory.

    @param runs: The machine, time and software of each run, as JSON values.
    """
    directory.mkdir(parents=True, exist_ok=True)
    found = {"runs": runs, "results": [asdict(each) for each in results]}
    (directory / RESULTS).write_text(json.dumps(found, indent=1) + "\n")
    (directory / "tables.rst").write_text(tables(results, CASES))
    (directory / "summary.rst").write_text(summary(results, SUMMARISED) + "\n")
    for name, drawn in plots(results, CASES).items():
        (directory / name).write_text(drawn)


def read(directory: Path) -> tuple[list[Result], list[Mapping[str, object]]]:
    """Read the results and runs from a directory."""
    found = json.loads((directory / RESULTS).read_text())
    results = [
        Result(**{**each, "series": tuple(each["series"])}) for each in found["results"]
    ]
    return results, found["runs"]


def main(destination: str, *directories: str) -> None:
    """Merge the results of several runs."""
    results: dict[tuple[str, ...], list[Result]] = {}
    runs: list[Mapping[str, object]] = []
    for directory in directories:
        measured, its = read(Path(directory))
        runs.extend(its)
        results.update(_byRow(measured))
    found = [each for row in results.values() for each in row]
    write(Path(destination), found, runs)
    print(tables(found, CASES))


def _byRow(results: Iterable[Result]) -> Mapping[tuple[str, ...], list[Result]]:
    """Return the rounds of each row."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for each in results:
        found.setdefault((each.server, each.case, each.row), []).append(each)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
