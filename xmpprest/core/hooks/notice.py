"""
Facts of a webhook request, and the default layout of a message.

The layout needs no template, so it also serves when a template fails.
"""

from __future__ import annotations

from colorsys import rgb_to_hsv
from typing import Any, NamedTuple

from .text import clean, oneLine, plural, shorten, tidy

#: Maximum number of items that a message shows; the others are only counted.
MAX_ITEMS = 20
#: Maximum length of the text of a message in characters.
MAX_MESSAGE = 8000
#: Maximum length of the text of an item in characters.
MAX_ITEM_TEXT = 500
#: Maximum length of a link in characters; a longer one is left out.
MAX_LINK = 1000

#: The level of each state and severity that senders use, in lower case. A state that
#: ends well counts more than a severity, and a severity more than any other state.
GOOD_STATES = frozenset(
    {"resolved", "ok", "up", "success", "succeeded", "passed", "fixed", "recovered"}
)
BAD_STATES = frozenset(
    {"firing", "alerting", "down", "failure", "failed", "error", "broken"}
)
HIGH_SEVERITIES = frozenset(
    {"critical", "page", "emergency", "fatal", "disaster", "high", "error", "major"}
    | {"urgent", "failure", "max"}
)
LOW_SEVERITIES = frozenset(
    {"info", "information", "informational", "none", "debug", "low"}
)

#: The coloured discs by level.
SYMBOLS = {"good": "🟢", "bad": "🔴", "warning": "🟠", "info": "🔵"}


class Notice(NamedTuple):
    """
    The facts of a webhook request, or of one of its items, as plain text. A named tuple
    is made in a third of the time of a frozen dataclass.

    @ivar title: What happened, in one line.
    @ivar event: The sender's name of the event; empty if it has none.
    @ivar state: The state that was reached, such as C{FIRING} or C{RESOLVED}; may be
        empty.
    @ivar severity: The sender's word for the severity; may be empty.
    @ivar where: Where it happened, in one line; may be empty.
    @ivar text: Further text of several lines, styled as in XEP-0393; may be empty.
    @ivar link: A URL; may be empty.
    @ivar items: The alerts or commits that the request is about, at most L{MAX_ITEMS}.
    @ivar omitted: The number of items that are left out.
    @ivar level: One of L{SYMBOLS}, for a sender that has a colour instead of a state;
        may be empty.
    """

    title: str
    event: str = ""
    state: str = ""
    severity: str = ""
    where: str = ""
    text: str = ""
    link: str = ""
    items: tuple[Notice, ...] = ()
    omitted: int = 0
    level: str = ""

    @property
    def symbol(self) -> str:
        """A coloured disc for the state and severity; empty if there is neither."""
        return SYMBOLS.get(self.level) or symbolOf(self.state, self.severity)

    def variables(self) -> dict[str, Any]:
        """Return the facts as a template reads them."""
        symbol = self.symbol
        return {
            "headline": _headline(self, symbol),
            "title": self.title,
            "event": self.event,
            "state": self.state,
            "severity": self.severity,
            "symbol": symbol,
            "where": self.where,
            "text": self.text,
            "link": self.link,
            "items": [each.variables() for each in self.items],
            "omitted": self.omitted,
        }


def symbolOf(state: str, severity: str) -> str:
    """
    Return a coloured disc, so that a glance tells what needs action.

    @return: Green for a good state; red, orange or blue by the severity of any other;
        empty if there is neither a state nor a severity.
    """
    state, severity = state.lower(), severity.lower()
    if state in GOOD_STATES:
        return SYMBOLS["good"]
    if severity in HIGH_SEVERITIES:
        return SYMBOLS["bad"]
    if severity in LOW_SEVERITIES:
        return SYMBOLS["info"]
    if severity and severity not in GOOD_STATES:
        return SYMBOLS["warning"]
    if state in BAD_STATES:
        return SYMBOLS["bad"]
    return SYMBOLS["good"] if severity else ""


def levelOfColor(color: int) -> str:
    """
    Return the level that a colour stands for.

    @param color: Red, green and blue, with 8 bits each.
    @return: Empty for grey, violet and the like.
    """
    parts = [(color >> shift & 0xFF) / 255 for shift in (16, 8, 0)]
    hue, saturation, _ = rgb_to_hsv(*parts)
    if saturation < 0.25:
        return ""
    return next((level for most, level in _HUES if hue * 360 <= most), "bad")


#: The highest hue of each level, in degrees.
_HUES = ((20, "bad"), (70, "warning"), (170, "good"), (260, "info"), (330, ""))


def layout(notice: Notice) -> str:
    """
    Return the message of a notice in the default layout: what happened and how severe,
    where, the text, the items, and a link.
    """
    lines = [headline(notice), notice.where, notice.text]
    lines += map(_item, notice.items)
    if notice.omitted:
        lines.append(f"and {plural(notice.omitted, 'other')}")
    lines.append(notice.link)
    return finish("\n".join(filter(None, lines)))


def headline(notice: Notice) -> str:
    """Return the first line: C{"🔴 FIRING: DiskFull (critical)"}."""
    return _headline(notice, notice.symbol)


def _headline(notice: Notice, symbol: str) -> str:
    state = f"{notice.state}: " if notice.state else ""
    severity = f" ({notice.severity})" if notice.severity else ""
    return f"{symbol}{' ' if symbol else ''}{state}{notice.title}{severity}"


def _item(item: Notice) -> str:
    where = f", {item.where}" if item.where else ""
    text = item.text.replace("\n", "\n  ")
    parts = [f"- {headline(item)}{where}", *(f"  {each}" for each in (text,) if each)]
    if item.link:
        parts.append(f"  {item.link}")
    return "\n".join(parts)


def finish(text: str) -> str:
    """
    Return the text of a message: clean, tidy, and not longer than L{MAX_MESSAGE}.
    """
    return shorten(tidy(clean(text[: MAX_MESSAGE * 2])), MAX_MESSAGE)


def linkOf(text: str) -> str:
    """Return a URL if a text is one that can be shown on one line, else nothing."""
    if not text:
        return ""
    link = text.strip()
    isShown = len(link) <= MAX_LINK and link.isprintable() and " " not in link
    return link if isShown and "://" in link else ""


def join(*parts: str, separator: str = ", ") -> str:
    """Join the parts that are not empty, on one line."""
    return separator.join(oneLine(part) for part in parts if part)
