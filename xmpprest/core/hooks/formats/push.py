"""
Services that push notifications: ntfy, Gotify, and Apprise in front of them
(https://docs.ntfy.sh/publish/, https://gotify.net/docs/pushmsg,
https://appriseit.com/services/json/).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from html import unescape

from ..markup import fromMarkdown
from ..notice import Notice, linkOf
from ..request import Fields, HookRequest
from ..text import clean, oneLine, tidy
from .generic import textNotice

# --- ntfy -------------------------------------------------------------------------

#: The names of header fields and of values in the query, by field of a message.
_NTFY: Mapping[str, tuple[str, ...]] = {
    "title": ("x-title", "title", "ti", "t"),
    "message": ("x-message", "message", "m"),
    "priority": ("x-priority", "priority", "prio", "p"),
    "tags": ("x-tags", "tags", "tag", "ta"),
    "click": ("x-click", "click"),
    "markdown": ("x-markdown", "markdown", "md"),
}

_PRIORITIES = {"1": "min", "2": "low", "3": "", "4": "high", "5": "urgent"}
_PRIORITIES |= {"min": "min", "low": "low", "default": "", "high": "high"}
_PRIORITIES |= {"urgent": "urgent", "max": "urgent"}
_LEVELS = {"min": "info", "low": "info", "high": "warning", "urgent": "bad"}

#: The emoji of the tags that the documentation of ntfy shows; others stay words
#: (https://docs.ntfy.sh/publish/#tags-emojis).
_EMOJI = {
    "+1": "👍",
    "-1": "👎",
    "cd": "💿",
    "computer": "💻",
    "facepalm": "🤦",
    "heavy_check_mark": "✔️",
    "loudspeaker": "📢",
    "no_entry": "⛔",
    "partying_face": "🥳",
    "rotating_light": "🚨",
    "skull": "💀",
    "tada": "🎉",
    "test_tube": "🧪",
    "triangular_flag_on_post": "🚩",
    "warning": "⚠️",
    "white_check_mark": "✅",
    "x": "❌",
}

#: The tags that are coloured discs, as Uptime Kuma sends them, by the level that they
#: stand for. They count more than a priority.
_DISCS = {
    "red_circle": "bad",
    "orange_circle": "warning",
    "yellow_circle": "warning",
    "large_blue_circle": "info",
    "green_circle": "good",
}


def isNtfy(request: HookRequest) -> bool:
    """Return whether a request is for ntfy: by a header field, or a JSON topic."""
    fields = request.fields
    isJSON = "topic" in fields and ("message" in fields or "title" in fields)
    named = ("title", "x-title", "x-tags", "tags", "x-priority", "x-click", "click")
    return isJSON or any(each in request.headers for each in named)


def ntfy(request: HookRequest) -> Notice:
    """Return the facts of a message for ntfy."""
    fields = request.fields if "topic" in request.fields else Fields(None)
    text = fields.text("message") if fields else request.text
    text = text or _ntfyField(request, "message") or "triggered"
    title = fields.text("title") or _ntfyField(request, "title")
    priority = _ntfyField(request, "priority") or fields.text("priority")
    severity = _PRIORITIES.get(priority.lower(), "")
    isMarkdown = fields.isTrue("markdown") or (
        _ntfyField(request, "markdown").lower() in ("yes", "true", "1")
        or request.header("content-type").startswith("text/markdown")
    )
    tags = _ntfyField(request, "tags").split(",") if not fields else []
    tags += map(str, fields.list("tags")[:20])
    tags += _ntfyField(request, "tags").split(",") if fields else []
    named = [oneLine(each, 40) for each in tags[:20] if each.strip()]
    disc = next((_DISCS[each] for each in named if each in _DISCS), "")
    emoji = " ".join(_EMOJI[each] for each in named if each in _EMOJI)
    words = ", ".join(each for each in named if each not in _EMOJI | _DISCS)
    body = textNotice(fromMarkdown(text) if isMarkdown else text)
    head = oneLine(title)
    return Notice(
        title=" ".join(filter(None, [emoji, head or body.title])),
        severity=severity,
        level=disc or _LEVELS.get(severity, ""),
        text="\n".join(
            filter(
                None,
                [body.title if head else "", body.text, words and f"Tags: {words}"],
            )
        ),
        link=linkOf(_ntfyField(request, "click") or fields.text("click")),
    )


def _ntfyField(request: HookRequest, name: str) -> str:
    """Return a field from the header or the query; the header may be encoded."""
    found = request.header(*_NTFY[name])
    if found:
        return _decoded(found)
    return next((request.query[n] for n in _NTFY[name] if n in request.query), "")


def _decoded(value: str) -> str:
    """Decode a header field that holds UTF-8, or encoded words (RFC 2047)."""
    with suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return value


# --- Gotify -----------------------------------------------------------------------

_MARKDOWN = "text/markdown"
#: The lowest priority that makes a noise, and that of a normal message.
_LOUD, _NORMAL = 8, 4


def isGotify(request: HookRequest) -> bool:
    """Return whether a request is for Gotify."""
    fields = request.fields
    if "message" not in fields:
        return False
    hasToken = "x-gotify-key" in request.headers or "token" in request.query
    keys = {"message", "title", "priority", "extras"}
    return hasToken or ({*fields.value} <= keys and "priority" in fields)


def gotify(request: HookRequest) -> Notice:
    """Return the facts of a message for Gotify."""
    fields = request.fields
    # Names of extras contain no dots.
    isMarkdown = fields.text("extras.client::display.contentType") == _MARKDOWN
    text = fields.text("message")
    body = textNotice(fromMarkdown(text) if isMarkdown else text)
    head = oneLine(fields.text("title"))
    written = fields.text("priority")
    isNumber = written.isascii() and written.isdigit() and len(written) < 10
    priority = int(written) if isNumber else _NORMAL
    low = "info" if priority < _NORMAL else ""
    return Notice(
        title=head or body.title,
        level="bad" if priority >= _LOUD else low,
        text="\n".join(filter(None, [body.title if head else "", body.text])),
        link=linkOf(fields.text("extras.client::notification.click.url")),
    )


# --- Apprise ----------------------------------------------------------------------

_TYPES = ("info", "success", "warning", "failure")
_XML = {"title": "Subject", "message": "Message", "type": "MessageType"}


def isApprise(request: HookRequest) -> bool:
    """Return whether a request is from Apprise, or for the Apprise API."""
    fields = request.fields
    hasText = "message" in fields or "body" in fields
    isTyped = fields.text("type") in _TYPES
    isAgent = request.header("user-agent").startswith("Apprise")
    isXML = "<Notification" in request.text and "<MessageType>" in request.text
    return (hasText and isTyped and (isAgent or "title" in fields)) or isXML


def apprise(request: HookRequest) -> Notice:
    """Return the facts of a notification of Apprise: JSON, a form, or XML."""
    fields = request.fields or Fields(_fromXML(request.text))
    text = fields.text("body", "message")
    if fields.text("format", "input_format") == "markdown":
        text = fromMarkdown(text)
    body, head = textNotice(text), oneLine(fields.text("title"))
    return Notice(
        title=head or body.title,
        severity=oneLine(fields.text("type"), 20),
        text="\n".join(filter(None, [body.title if head else "", body.text])),
    )


def _fromXML(text: str) -> dict[str, str]:
    """Return the fields of Apprise's XML, without a parser that would expand it."""
    found = {}
    for name, tag in _XML.items():
        _, _, rest = text.partition(f"<{tag}>")
        value, end, _ = rest.partition(f"</{tag}>")
        found[name] = tidy(clean(unescape(value))) if end else ""
    return found
