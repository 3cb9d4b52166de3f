"""Tests of what C{bench} makes of figures: ratios, tables, targets and plots."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

from docutils.core import publish_doctree
from docutils.nodes import entry, row
from twisted.trial.unittest import SynchronousTestCase

from bench import report
from bench.candidates.registry import EMPTY, RAW, SLIXMPP, XMPPREST_SQLITE
from bench.cases import CASES
from bench.reporting import svg_plots
from bench.reporting.rst_table import table
from bench.reporting.statistics import (
    COLUMNS,
    Result,
    latencies,
    medians,
    percentile,
    ratio,
)
from bench.reporting.summary import TASKS, summary
from bench.reporting.targets import TARGETS

SVG = "{http://www.w3.org/2000/svg}"


def results(case: str, figure: str, **rows: list[float]) -> list[Result]:
    """
    Return the results of one figure, for each row and round; C{_} stands for a blank in
    their names.
    """
    return [
        Result("prosody", case, who.replace("_", " "), number, {figure: value})
        for who, values in rows.items()
        for number, value in enumerate(values)
    ]


class SummaryTests(SynchronousTestCase):
    """
    Tests of L{bench.reporting.summary}.
    """

    def test_measured(self) -> None:
        """The summary has the medians of the tasks that were measured."""
        rounds = {XMPPREST_SQLITE.replace(" ", "_"): [1500.0, 900.0, 1000.0]}
        rates = results("callback", "rate", **rounds)
        text = summary(rates, "prosody")
        self.assertIn("Receive a message at a callback", text)
        self.assertIn("1,000", text)
        self.assertNotIn("POST", text)
        self.assertNotIn("callback", summary(rates, "ejabberd"))

    def test_cases(self) -> None:
        """Each task belongs to a case, and to a row of it."""
        rows = {case.name: case.rows for case in CASES}
        for task, case, candidate in TASKS:
            self.assertIn(candidate or XMPPREST_SQLITE, rows[case], task)


class FigureTests(SynchronousTestCase):
    """
    Tests of L{bench.reporting.statistics}.
    """

    def test_percentile(self) -> None:
        """A percentile is one of the values: the least that so many do not exceed."""
        hundred = [float(number) for number in range(1, 101)]
        for share, expected in ((0.5, 50), (0.99, 99), (0.999, 100), (0, 1), (1, 100)):
            self.assertEqual(percentile(hundred, share), expected, share)

    def test_latencies(self) -> None:
        """
        They are in milliseconds; of nothing there are none.
        """
        found = latencies([0.002, 0.001, 0.003])
        self.assertEqual(found, {"p50": 2.0, "p99": 3.0, "p99.9": 3.0})
        self.assertEqual(latencies([]), {})

    def test_ratio(self) -> None:
        """
        The ratio is the median of the ratios of each round, not the ratio of the
        medians.
        """
        # While the machine was slow, both were.
        found = results("x", "rate", a=[100, 10, 90], b=[50, 5, 90])
        self.assertEqual(ratio(found, "rate", "a", "b"), 2.0)
        self.assertIsNone(ratio(found, "rate", "a", "c"))
        self.assertIsNone(ratio(found, "cpu", "a", "b"))

    def test_ratioOfRounds(self) -> None:
        """
        A round that one of them has failed does not count; nor does one of nothing.
        """
        found = results("x", "rate", a=[100, 300, 7], b=[50, 100, 0, 1])
        self.assertEqual(ratio(found, "rate", "a", "b"), 2.5)

    def test_medians(self) -> None:
        """
        They are of each figure, in the order of the columns.
        """
        found = [
            *results("x", "p50", a=[3, 1, 2]),
            *results("x", "rate", a=[5]),
        ]
        self.assertEqual([*medians(found).items()], [("rate", 5), ("p50", 2)])


class TableTests(SynchronousTestCase):
    """
    Tests of the tables.
    """

    def cells(self, text: str) -> list[list[str]]:
        """As docutils reads them."""
        document = publish_doctree(text, settings_overrides={"halt_level": 2})
        return [
            [cell.astext() for cell in line.findall(entry)]
            for line in document.findall(row)
        ]

    def test_table(self) -> None:
        """
        docutils reads what was written.
        """
        rows = [("who", "how much"), ("a", ""), ("bcd", "1,000")]
        self.assertEqual(self.cells(table(rows)), [list(each) for each in rows])

    def test_tables(self) -> None:
        """
        Each case has its rows, with medians, and ratios to the first of them.
        """
        found = [
            Result("prosody", "post-json-16", who, number, {"rate": rate, "cpu": cpu})
            for who, rates, cpu in (
                (XMPPREST_SQLITE, (900, 1200), 300),
                (EMPTY, (1800, 2400), 150),
            )
            for number, rate in enumerate(rates)
        ]
        lines = self.cells(report.tables(found, CASES))
        self.assertIn(["post-json-16", XMPPREST_SQLITE, "1.00", "1,050", "300"], lines)
        self.assertIn(["post-json-16", EMPTY, "2.00", "2,100", "150"], lines)
        cpu = [line for line in lines if line[0].endswith("twisted.web")]
        self.assertEqual([line[1:] for line in cpu], [["≤ 1.2", "2.00", "missed"]])


class FileTests(SynchronousTestCase):
    """
    Tests of what is written.
    """

    def test_read(self) -> None:
        """Written results are read back equal, and can be drawn."""
        place = Path(self.mktemp())
        series = ({"at": 5.0, "rss": 60.0, "p99": 2.0},)
        found = [
            *results("post-json-16", "rate", a=[1, 2]),
            Result("prosody", "soak", XMPPREST_SQLITE, 0, {"growth": 1.5}, series),
        ]
        report.write(place, found, [{"cores": 2}])
        self.assertEqual(report.read(place), (found, [{"cores": 2}]))
        self.assertIn("post-json-16", (place / "tables.rst").read_text())
        self.assertTrue((place / "prosody-soak-rss.svg").exists())

    def test_together(self) -> None:
        """If two runs have measured the same thing, the later one counts."""
        one, other, together = (Path(self.mktemp()) for _ in range(3))
        first = results("post-json-16", "rate", a=[1, 2], b=[3])
        second = results("post-json-16", "rate", a=[4])
        report.write(one, first, [{"date": "1"}])
        report.write(other, second, [{"date": "2"}])
        with redirect_stdout(StringIO()) as printed:
            report.main(str(together), str(one), str(other))
        found, runs = report.read(together)
        self.assertCountEqual([each.values["rate"] for each in found], [4, 3])
        self.assertEqual(runs, [{"date": "1"}, {"date": "2"}])
        self.assertEqual(
            printed.getvalue().strip(), (together / "tables.rst").read_text().strip()
        )


class TargetTests(SynchronousTestCase):
    """
    Tests of the targets.
    """

    def test_nothing(self) -> None:
        """Targets that nothing has measured are left out."""
        self.assertEqual({each.measured([]) for each in TARGETS}, {None})

    def test_known(self) -> None:
        """
        Every target is of a case that there is, and of rows in it.
        """
        named = {each.name: each.rows for each in CASES}
        for target in TARGETS:
            rows = {
                (case, who): [100.0] for case, whom in named.items() for who in whom
            }
            found = [
                Result("prosody", case, who, 0, dict.fromkeys(COLUMNS, values[0]))
                for (case, who), values in rows.items()
            ]
            self.assertIsNotNone(target.measured(found), target.text)

    def test_limits(self) -> None:
        """
        A limit may be the least, or the most; and it is met when it is reached.
        """
        least = next(each for each in TARGETS if each.isLeast)
        most = next(each for each in TARGETS if not each.isLeast)
        for target, better in ((least, 1), (most, -1)):
            self.assertTrue(target.met(target.limit))
            self.assertTrue(target.met(target.limit + better))
            self.assertFalse(target.met(target.limit - better * 0.01))

    def test_batch(self) -> None:
        """
        A batch needs no more than half of what gets through.
        """
        (batch,) = [each for each in TARGETS if each.text.startswith("batch")]
        for ours, raw, expected in ((6_000, 8_000, 1.5), (15_000, 50_000, 1.5)):
            found = [
                Result("prosody", "batch", who, 0, {"rate": rate})
                for who, rate in ((XMPPREST_SQLITE, ours), (RAW, raw))
            ]
            self.assertEqual(batch.measured(found), expected)

    def test_apart(self) -> None:
        """A target of equal costs allows neither more nor less."""
        text = "POST: CPU with 10,000 stored rows relative to none"
        (rows,) = [each for each in TARGETS if each.text == text]
        for many in (250, 160):
            found = [
                Result("prosody", "rows-post", who, 0, {"cpu": cpu})
                for who, cpu in (("0", 200), ("10,000", many))
            ]
            self.assertEqual(rows.measured(found), 1.25)


class PlotTests(SynchronousTestCase):
    """
    Tests of the plots.
    """

    def test_bars(self) -> None:
        """
        Bars are as long as what they stand for, and have its name and number.
        """
        drawn = ElementTree.fromstring(svg_plots.bars("a < b", {"x & y": 10, "z": 5}))
        _, *bars = drawn.findall(f"{SVG}rect")
        long, short = (float(each.attrib["width"]) for each in bars)
        self.assertAlmostEqual(long / short, 2, 2)
        texts = [each.text for each in drawn.iter(f"{SVG}text")]
        self.assertEqual(texts, ["a < b", "x & y", "10", "z", "5"])

    def test_lines(self) -> None:
        """
        Twice the value is twice as high; by factors, the middle is in the middle.
        """
        points = [(1, 0), (10, 40), (100, 80)]
        drawn = svg_plots.lines("t", "x", "y", {"a": points}, log=True)
        (line,) = ElementTree.fromstring(drawn).findall(f"{SVG}polyline")
        found = [each.split(",") for each in line.attrib["points"].split()]
        (x0, y0), (x1, y1), (x2, y2) = (tuple(map(float, each)) for each in found)
        self.assertAlmostEqual(x1 - x0, x2 - x1, 1)
        self.assertAlmostEqual(y0 - y1, y1 - y2, 1)
        self.assertLess(y2, y1)

    def test_flat(self) -> None:
        """A plot of noughts only, or of one point, can be drawn."""
        for points in ([(0, 0), (1, 0)], [(5, 3)]):
            ElementTree.fromstring(svg_plots.lines("t", "x", "y", {"a": points}))
        ElementTree.fromstring(svg_plots.bars("t", {"a": 0}))

    def test_plots(self) -> None:
        """Every case has a plot by size, and one over time where that was measured."""
        series = [{"at": 5, "rss": 60, "p99": 2}, {"at": 10, "rss": 61, "p99": 3}]
        found = [
            Result("prosody", "soak", XMPPREST_SQLITE, 0, {"growth": 1.5}, series),
            *results("post-json-16", "rate", a=[1]),
            *(
                Result("prosody", f"size-{size}", SLIXMPP, 0, {"rate": 1, "cpu": 2})
                for size in ("0.2", "20")
            ),
        ]
        plots = report.plots(found, CASES)
        self.assertEqual(
            {*plots},
            {
                "prosody-soak.svg",
                "prosody-soak-rss.svg",
                "prosody-soak-p99.svg",
                "prosody-post-json-16.svg",
                "prosody-size.svg",
                "prosody-size-0.2.svg",
                "prosody-size-20.svg",
            },
        )
        for drawn in plots.values():
            ElementTree.fromstring(drawn)
