"""Text and any JSON: the formats without a sender of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ..notice import MAX_MESSAGE, Notice, linkOf
from ..request import Fields, HookRequest
from ..text import ELLIPSIS, clean, oneLine, shorten, tidy

#: Maximum number of lines for the fields of an unknown object.
MAX_LINES = 30
#: Maximum length of the value of an unknown field in characters.
MAX_VALUE = 300
#: Maximum depth to which an unknown object is shown.
_DEPTH = 4

#: Names of fields that most programs use for the same purpose, in order of preference.
_TITLES = ("title", "subject", "summary", "name", "event", "event_name", "event_type")
_TEXTS = ("body", "message", "text", "msg", "content", "description", "details")
_LINKS = ("url", "link", "html_url", "href", "permalink")
_SEVERITIES = ("severity", "level", "priority", "urgency", "importance")
_STATES = ("state", "status")


def textNotice(text: str, level: str = "") -> Notice:
    """
    Return the notice of a text: its first line, and the rest.

    @param level: As L{Notice.level}.
    """
    text = tidy(clean(text[: MAX_MESSAGE * 2]))
    title, _, rest = text.partition("\n")
    return Notice(title=title, text=rest.strip("\n"), level=level)


def text(request: HookRequest) -> Notice:
    """Return the body as it is."""
    return textNotice(request.text)


def anyJSON(request: HookRequest) -> Notice:
    """
    Return the facts of any JSON value or form.

    Fields with the names that most programs use become title, text, state, severity and
    link; the others become lines with their names.
    """
    if request.value is None:
        return text(request)
    if not isinstance(request.value, dict):
        return textNotice("\n".join(_limited(_lines(request.value, "", _DEPTH))))
    fields = Fields(request.value)
    used: set[str] = set()

    def take(names: Sequence[str]) -> str:
        for name in names:
            if found := _plain(fields.value.get(name)):
                used.add(name)
                return found
        return ""

    title, body = take(_TITLES), take(_TEXTS)
    state, severity, link = take(_STATES), take(_SEVERITIES), take(_LINKS)
    items = islice(fields.value.items(), MAX_LINES * 2)
    rest = {name: value for name, value in items if name not in used}
    lines = _limited(_lines(rest, "", _DEPTH))
    if not title and body:
        # The whole text, which may be long and in several lines.
        first = textNotice(body)
        title, body = first.title, first.text
    if not title:
        title, lines = (lines[0], lines[1:]) if lines else ("{}", [])
    parts = [shorten(tidy(clean(body[: MAX_MESSAGE * 2])), MAX_MESSAGE), *lines]
    return Notice(
        title=title if len(title) <= MAX_MESSAGE else oneLine(title),
        state=oneLine(state, 40).upper(),
        severity=oneLine(severity, 40),
        text="\n".join(filter(None, parts)),
        link=linkOf(link) or oneLine(link),
    )


def _plain(value: Any) -> str:
    """Return a text or a number as text; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    isNumber = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if isNumber else ""


def _lines(value: Any, name: str, depth: int) -> Iterator[str]:
    """Yield a line for each text and number in a value, with the path to it."""
    if isinstance(value, dict | list) and not depth:
        yield f"{name}: …"
    elif isinstance(value, dict):
        for key, each in value.items():
            short = oneLine(str(key), 60)
            yield from _lines(each, f"{name}.{short}" if name else short, depth - 1)
    elif isinstance(value, list) and all(
        isinstance(each, str | int | float) for each in value[:MAX_LINES]
    ):
        if shown := ", ".join(map(_shown, value[:MAX_LINES])):
            yield f"{name}: {shorten(shown, MAX_VALUE)}" if name else shown
    elif isinstance(value, list):
        for number, each in enumerate(value[:MAX_LINES], 1):
            yield from _lines(
                each, f"{name}.{number}" if name else f"{number}", depth - 1
            )
    elif shown := _shown(value):
        yield f"{name}: {shown}" if name else shown


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "", True: "true", False: "false"}[value]
    return oneLine(str(value), MAX_VALUE)


def _limited(lines: Iterator[str]) -> list[str]:
    """Return the first lines, and a mark if there are more."""
    shown = [*islice(lines, MAX_LINES + 1)]
    return shown if len(shown) <= MAX_LINES else [*shown[:MAX_LINES], ELLIPSIS]
