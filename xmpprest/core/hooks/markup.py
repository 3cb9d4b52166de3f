"""
Converts markup of other chats to message styling (XEP-0393).

Conversion is by spans, outside code only. What has no counterpart stays readable: a
link becomes its text with the URL behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

#: Longest text that is converted, in characters; the rest is far beyond a message.
MAX_TEXT = 10_000

#: Code, which keeps its text: blocks between three backticks, and spans.
_CODE = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`)", re.DOTALL)

#: Text without any of these has no markup.
_MARK = re.compile(r"[*_~`<>&\[#\r]")

#: A rule: what a text has that it applies to, the pattern, and the replacement.
_Rule = tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]


def fromMrkdwn(text: str) -> str:
    """
    Convert Slack's mrkdwn, and the Markdown that Mattermost and Rocket.Chat allow in
    its place (https://docs.slack.dev/messaging/formatting-message-text/).
    """
    return _unescape(_convert(text, _MRKDWN)) if text else ""


def fromMarkdown(text: str) -> str:
    """Convert Markdown as of GitHub, GitLab, Gitea and Discord."""
    return _convert(_withoutComments(text[:MAX_TEXT]), _MARKDOWN)


def _withoutComments(text: str) -> str:
    """Remove the comments of HTML, which templates of issues have."""
    if "<!--" not in text:
        return text
    first, *others = text.split("<!--")
    for each in others:
        _, end, rest = each.partition("-->")
        first += rest if end else f"<!--{each}"
    return first


def _convert(text: str, rules: Iterable[_Rule]) -> str:
    text = text[:MAX_TEXT]
    if _MARK.search(text) is None:
        return text.strip()
    text = text.replace("\r\n", "\n")
    parts = _CODE.split(text) if "`" in text else [text]
    # Odd ones are code.
    for index in range(0, len(parts), 2):
        part = parts[index]
        for mark, pattern, replacement in rules:
            if mark in part:
                part = pattern.sub(replacement, part)
        parts[index] = part
    return "".join(parts).strip()


def _link(text: str, url: str) -> str:
    text = text.strip()
    return f"{text} ({url})" if text and url and text != url else text or url


def _unescape(text: str) -> str:
    """Replace the three entities of Slack, the ampersand last."""
    if "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _reference(match: re.Match[str]) -> str:
    """Return the text of C{<…>} in Slack: a link, a mention, a channel or a date."""
    target, _, label = match[1].partition("|")
    mark, rest = target[:1], target[1:]
    if mark == "@":
        return f"@{label or rest}"
    if mark == "#":
        return f"#{label or rest}"
    if mark == "!":
        return label or f"@{rest.partition('^')[0]}"
    isLink = "|" in match[1] or ":" in target
    return _link(label, target.removeprefix("mailto:")) if isLink else match[0]


def _unmarked(heading: str) -> str:
    """Return a heading without marks of its own: all of it is bold."""
    return heading.strip(" \t#").replace("**", "").replace("__", "")


_HEADING = re.compile(r"(?m)^#{1,6} +([^\n]+)$")
#: A bold span of Markdown keeps away from spaces, as in CommonMark §6.2.
_STRONG = re.compile(r"(?<!\*)\*\*(?=\S)([^\n*]{1,2000}?)(?<=\S)\*\*(?!\*)")
_STRONG_UNDERSCORES = re.compile(
    r"(?<![\w_])__(?=\S)([^\n_]{1,2000}?)(?<=\S)__(?![\w_])"
)
_EMPHASIS = re.compile(r"(?<![*\w])\*(?=[^\s*])([^\n*]{1,2000}?)(?<=[^\s*])\*(?![*\w])")
_STRIKE = re.compile(r"~~(?=\S)([^\n~]{1,2000}?)(?<=\S)~~")
_MARKDOWN_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,500})\]\(<?([^\s()<>]{1,2000})>?[^()\n]{0,200}\)"
)

_LINKS: _Rule = ("](", _MARKDOWN_LINK, lambda match: _link(match[1], match[2]))
#: Marks bold text, until single asterisks have been read as emphasis.
_BOLD = "\ue000"

_MRKDWN: tuple[_Rule, ...] = (
    ("<", re.compile(r"<([^<>\n]{1,2000})>"), _reference),
    _LINKS,
    ("**", _STRONG, r"*\1*"),
    ("~~", _STRIKE, r"~\1~"),
    ("# ", _HEADING, lambda match: f"*{_unmarked(match[1])}*"),
)

_MARKDOWN: tuple[_Rule, ...] = (
    ("<", re.compile(r"(?i)<br\s*/?>"), "\n"),
    _LINKS,
    ("<", re.compile(r"<(https?://[^\s<>]{1,2000})>"), r"\1"),
    # Mentions, channels and emoji of Discord.
    ("<", re.compile(r"<a?:(\w+):\d+>"), r":\1:"),
    ("<", re.compile(r"<([@#])[!&]?(\d+)>"), r"\1\2"),
    ("# ", _HEADING, lambda match: f"{_BOLD}{_unmarked(match[1])}{_BOLD}"),
    ("**", _STRONG, rf"{_BOLD}\1{_BOLD}"),
    ("__", _STRONG_UNDERSCORES, rf"{_BOLD}\1{_BOLD}"),
    ("*", _EMPHASIS, r"_\1_"),
    (_BOLD, re.compile(_BOLD), "*"),
    ("~~", _STRIKE, r"~\1~"),
)
