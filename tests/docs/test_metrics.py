"""
Tests of C{docs/reference/metrics.rst}, the dashboard and the alerts: each metric that
they name is measured, and the page has all metrics.
"""

from __future__ import annotations

import json
import re
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.document import Document
from tests.docs.world import ROOT
from tests.support.programs import require
from xmpprest.metrics.definitions import METRICS

PAGE = Document(ROOT / "docs/reference/metrics.rst")
DASHBOARD = ROOT / "packaging" / "grafana.json"
ALERTS = ROOT / "packaging" / "alerts.yaml"
CASES = ROOT / "tests" / "alerts.yaml"

_BY_SERIES = {series: metric for metric in METRICS for series in metric.series}
_OF_PROMETHEUS = {"instance", "job", "le", "alertname"}


def named(text: str) -> set[str]:
    """The metrics that a text names."""
    return set(re.findall(r"\bxmpprest_[a-z_]+\b", text))


class TableTests(SynchronousTestCase):
    """
    The table
    """

    def test_all(self) -> None:
        """The page has every metric, with its labels, its kind and its sentence."""
        rows = {each.term: each.text for each in PAGE.entries("")}
        self.assertEqual(len(rows), len(METRICS))
        for metric in METRICS:
            (name,) = {metric.name, f"{metric.name}_total"} & {
                each.partition(" ")[0] for each in rows
            }
            labels = f" {{{', '.join(metric.labels)}}}" if metric.labels else ""
            self.assertEqual(rows[name + labels], f"{metric.kind}. {metric.help}")

    def test_prose(self) -> None:
        """Metrics that the text names exist."""
        names = {metric.name for metric in METRICS} | {*_BY_SERIES}
        for path in sorted((ROOT / "docs").rglob("*.rst")):
            self.assertLessEqual(named(path.read_text()), names, path.name)


class NamesTests(SynchronousTestCase):
    """
    The dashboard and the alerts
    """

    def test_series(self) -> None:
        """The rules and the dashboard name existing metrics, and nearly all of them."""
        for path in (DASHBOARD, ALERTS, CASES):
            self.assertLessEqual(named(path.read_text()), {*_BY_SERIES}, path.name)
        shown = {_BY_SERIES[each].name for each in named(DASHBOARD.read_text())}
        self.assertEqual({metric.name for metric in METRICS} - shown, set())

    def test_labels(self) -> None:
        """The labels by which they choose and sum are those that the metrics have."""
        panels = json.loads(DASHBOARD.read_text())["panels"]
        expressions = [
            target["expr"] for panel in panels for target in panel.get("targets", ())
        ]
        expressions += re.findall(
            r"expr: (?:>-\n)?((?:.|\n)*?)\n +\w+:", ALERTS.read_text()
        )
        self.assertGreater(len(expressions), 30)
        for expression in expressions:
            known = set(_OF_PROMETHEUS).union(
                *(_BY_SERIES[each].labels for each in named(expression))
            )
            for group in re.findall(r"(?:by|without) \(([^)]*)\)", expression):
                self.assertLessEqual({*group.split(", ")}, known, expression)
            chosen = re.findall(r'(\w+)(?:=~|!=|=)"', expression)
            self.assertLessEqual({*chosen}, known, expression)


class PromtoolTests(SynchronousTestCase):
    """
    The alerts, as Prometheus reads them
    """

    def promtool(self, *arguments: object) -> None:
        """Run it; it must be content."""
        require("promtool")
        ran = subprocess.run(
            ["promtool", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)

    def test_rules(self) -> None:
        """They are rules."""
        self.promtool("check", "rules", ALERTS)

    def test_cases(self) -> None:
        """Each comes when it should, and none while all is well."""
        self.promtool("test", "rules", CASES)

    def test_everyAlert(self) -> None:
        """The cases have each of them."""
        alerts = re.findall(r"alert: (\w+)", ALERTS.read_text())
        for alert in alerts:
            self.assertIn(f'alertname="{alert}"', CASES.read_text())
