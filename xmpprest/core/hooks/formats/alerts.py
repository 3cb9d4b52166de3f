"""
Alertmanager's webhook (version 4 of its data) and Grafana's, which extends it
(https://prometheus.io/docs/alerting/latest/configuration/#webhook_config,
https://grafana.com/docs/grafana/latest/alerting/, webhook notifier).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..notice import MAX_ITEM_TEXT, MAX_ITEMS, Notice, linkOf
from ..request import Fields, HookRequest, asText
from ..text import clean, oneLine, plural, shorten, tidy

#: Labels whose values are shown elsewhere, or that say nothing to a person.
_HIDDEN = frozenset({"alertname", "severity", "priority", "grafana_folder"})
#: Labels of the severity, in order of preference.
_SEVERITY = ("severity", "priority", "level")
#: Severities from the worst on; others come last.
_ORDER = (
    *("emergency", "disaster", "critical", "page", "high", "error", "major"),
    *("warning", "average", "minor", "low", "info", "none"),
)
_PLACES = {severity: place for place, severity in enumerate(_ORDER)}
_LAST = len(_ORDER)
_NO_FIELDS = Fields(None)
#: The number of alerts of which the worst are shown; of the others only the states
#: count.
_MAX_RANKED = 500
#: Maximum number of labels that are shown, and their maximum length in characters.
_MAX_LABELS, _MAX_LABEL_TEXT = 8, 1000


def isAlertmanager(request: HookRequest) -> bool:
    """Return whether a request has the form of Alertmanager's."""
    fields = request.fields
    return isinstance(fields.get("alerts"), list) and "groupLabels" in fields


def isGrafana(request: HookRequest) -> bool:
    """Return whether a request is Grafana's: it has an organisation and a title."""
    fields = request.fields
    isUnified = isAlertmanager(request) and "orgId" in fields
    isLegacy = "ruleId" in fields and "ruleName" in fields and "state" in fields
    return isUnified or isLegacy


class _Alert(NamedTuple):
    """One of several alerts, with the facts that are needed more than once."""

    fields: Fields
    labels: Fields
    status: str
    severity: str


def _alert(value: object) -> _Alert:
    fields = Fields(value)
    labels = fields.object("labels")
    return _Alert(fields, labels, fields.text("status"), _severity(labels))


def _status(value: object) -> str:
    status = value.get("status") if isinstance(value, dict) else None
    return status if isinstance(status, str) else ""


def _rank(alert: _Alert) -> tuple[bool, int]:
    """Return the place among the alerts: firing ones first, then the worst."""
    return alert.status == "resolved", _PLACES.get(alert.severity.lower(), _LAST)


def notice(request: HookRequest) -> Notice:
    """Return the facts of a group of alerts."""
    fields = request.fields
    if "ruleName" in fields:
        return _legacyGrafana(fields)
    found = fields.list("alerts")
    state = fields.text("status").upper()
    if len(found) == 1:
        return _single(fields, Fields(found[0]), state)
    alerts = [_alert(each) for each in found[:_MAX_RANKED]]
    common = fields.object("commonLabels")
    severity = _severity(common)
    statuses = [each.status for each in alerts]
    statuses += map(_status, found[_MAX_RANKED:])
    isMixed = len({*statuses}) > 1
    ranked = sorted(alerts, key=_rank)
    shown = ranked[:MAX_ITEMS]
    truncated = int(fields.number("truncatedAlerts") or 0)
    return Notice(
        title=_groupTitle(fields, statuses, truncated),
        event=fields.text("status"),
        state=oneLine(state, 40),
        severity=severity or (shown[0].severity if shown else ""),
        where=_labels(common, _NO_FIELDS),
        text=_annotations(fields.object("commonAnnotations")),
        link=linkOf(fields.text("externalURL")),
        items=tuple(_item(each, common, severity, isMixed) for each in shown),
        omitted=max(len(found) - len(shown), 0) + max(truncated, 0),
    )


def _single(fields: Fields, alert: Fields, state: str) -> Notice:
    labels = alert.object("labels")
    link = alert.text("panelURL", "dashboardURL", "generatorURL")
    return Notice(
        title=_name(labels, alert),
        event=fields.text("status"),
        state=oneLine(alert.text("status").upper() or state, 40),
        severity=_severity(labels),
        where=_labels(labels, _NO_FIELDS),
        text=_annotations(alert.object("annotations")),
        link=linkOf(link) or linkOf(fields.text("externalURL")),
        omitted=max(int(fields.number("truncatedAlerts") or 0), 0),
    )


def _groupTitle(fields: Fields, statuses: Sequence[str], truncated: int) -> str:
    resolved = statuses.count("resolved")
    firing = len(statuses) - resolved
    counts = plural(len(statuses) + max(truncated, 0), "alert")
    if firing and resolved:
        counts = f"{firing} firing, {resolved} resolved"
    # The common labels are those of the alerts that were not cut off.
    common = "groupLabels" if truncated else "commonLabels"
    name = oneLine(fields.text(f"{common}.alertname"))
    return f"{name}, {counts}" if name else counts


def _item(alert: _Alert, common: Fields, severity: str, isMixed: bool) -> Notice:
    """
    Return the facts of one of several alerts.

    @param common: The labels that all alerts have in common.
    @param severity: The severity that they have in common; may be empty.
    @param isMixed: Whether the alerts have different states.
    """
    labels, annotations = alert.labels, alert.fields.object("annotations")
    own = _labels(labels, common)
    title = oneLine(annotations.text("summary", "message", "description", "title"))
    name = "" if "alertname" in common else oneLine(labels.text("alertname"))
    if name:
        title = f"{name}: {title}" if title else name
    return Notice(
        title=title or own or _name(labels, alert.fields),
        state=oneLine(alert.status.upper(), 40) if isMixed else "",
        severity="" if severity else alert.severity,
        where=own if title else "",
    )


def _name(labels: Fields, alert: Fields) -> str:
    name = labels.text("alertname") or alert.text("annotations.summary")
    return oneLine(name) or "Alert"


def _severity(labels: Fields) -> str:
    return oneLine(labels.text(*_SEVERITY), 40)


def _labels(labels: Fields, without: Fields) -> str:
    """Return labels as one line, without those that all alerts have in common."""
    known = without.value
    shown = [
        f"{name} {oneLine(text, 100)}"
        for name, value in labels.value.items()
        if name not in _HIDDEN and name not in known and name[:2] != "__"
        if (text := asText(value))
    ]
    if len(shown) > _MAX_LABELS:
        shown = [*shown[:_MAX_LABELS], "…"]
    return oneLine(", ".join(shown), _MAX_LABEL_TEXT)


def _annotations(annotations: Fields) -> str:
    """Return the summary and the description, if they differ."""
    if not annotations:
        return ""
    summary = annotations.text("summary", "title")
    description = annotations.text("description", "message")
    parts = [tidy(clean(each[: MAX_ITEM_TEXT * 4])) for each in (summary, description)]
    if parts[0] and parts[0] in parts[1]:
        parts.pop(0)
    text = "\n".join(shorten(each, MAX_ITEM_TEXT * 2) for each in parts if each)
    runbook = linkOf(annotations.text("runbook_url", "runbook"))
    return "\n".join(filter(None, [text, f"Runbook: {runbook}" if runbook else ""]))


def _legacyGrafana(fields: Fields) -> Notice:
    """Return the facts of an alert of Grafana before version 9."""
    state = fields.text("state")
    matches = (Fields(each) for each in fields.list("evalMatches")[:MAX_ITEMS])
    values = [f"{each.text('metric')} {each.text('value')}" for each in matches]
    message = tidy(clean(fields.text("message")[: MAX_ITEM_TEXT * 4]))
    return Notice(
        title=oneLine(fields.text("ruleName", "title")) or "Alert",
        event=state,
        state=oneLine({"ok": "resolved"}.get(state, state).upper(), 40),
        where=oneLine(", ".join(values)),
        text=shorten(message, MAX_ITEM_TEXT * 2),
        link=linkOf(fields.text("ruleUrl")),
    )
