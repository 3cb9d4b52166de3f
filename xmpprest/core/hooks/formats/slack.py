"""
Slack's incoming webhooks, which many programs can post to; Mattermost and Rocket.Chat
take the same (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..markup import fromMarkdown, fromMrkdwn
from ..notice import Notice, levelOfColor, linkOf
from ..request import Fields, HookRequest
from ..text import oneLine
from .generic import textNotice

#: Maximum number of attachments, of blocks, and of fields of one of them.
MAX_PARTS = 50

#: The levels of the named colours.
_LEVELS = {"good": "good", "warning": "warning", "danger": "bad"}


def isSlack(request: HookRequest) -> bool:
    """Return whether a request has the form of Slack's."""
    fields = request.fields
    parts = (*fields.list("attachments")[:1], *fields.list("blocks")[:1])
    hasParts = any(isinstance(each, dict) for each in parts)
    senders = ("username", "icon_emoji", "icon_url", "channel", "mrkdwn", "avatar")
    hasSender = "text" in fields and any(each in fields for each in senders)
    return hasParts or hasSender or [*fields.value] == ["text"]


def notice(request: HookRequest) -> Notice:
    """Return the text of a message, its blocks and its attachments."""
    fields = request.fields
    if not fields:
        return textNotice(request.text)
    blocks = "\n".join(_blocks(fields))
    # With blocks, the text is only shown in notifications.
    parts = [blocks or fromMrkdwn(fields.text("text"))]
    level = ""
    for each in map(Fields, fields.list("attachments")[:MAX_PARTS]):
        level = level or _level(each.text("color").lower())
        parts += _attachment(each)
    result = textNotice("\n".join(filter(None, parts)), level)
    return result if result.title else result._replace(title=_fallback(fields))


def _level(color: str) -> str:
    """Return the level of a colour: one of Slack's names, or C{#RRGGBB}."""
    isHex = re.fullmatch("#[0-9a-f]{6}", color) is not None
    return levelOfColor(int(color[1:], 16)) if isHex else _LEVELS.get(color, "")


def _fallback(fields: Fields) -> str:
    texts = (Fields(each).text("fallback") for each in fields.list("attachments")[:1])
    return oneLine("".join(texts) or fields.text("text"))


def _attachment(fields: Fields) -> Iterator[str]:
    """Yield the parts of an attachment."""
    shown = [
        fromMrkdwn(fields.text("pretext")),
        oneLine(fields.text("author_name")),
        _title(fields),
        fromMrkdwn(fields.text("text")),
        *(_field(Fields(each)) for each in fields.list("fields")[:MAX_PARTS]),
        *_blocks(fields),
    ]
    shown = [each for each in shown if each]
    yield from shown or [fromMrkdwn(fields.text("fallback"))]
    yield linkOf(fields.text("image_url"))
    yield fromMrkdwn(fields.text("footer"))


def _title(fields: Fields) -> str:
    title = fromMrkdwn(fields.text("title"))
    link = linkOf(fields.text("title_link"))
    if title and link:
        return f"*{oneLine(title)}* ({link})"
    return f"*{oneLine(title)}*" if title else link


def _field(field: Fields) -> str:
    title, value = oneLine(field.text("title")), fromMrkdwn(field.text("value"))
    return f"{title}: {value}" if title and value else value


def _blocks(fields: Fields) -> Iterator[str]:
    """Yield the text of each block that has some."""
    for block in map(Fields, fields.list("blocks")[:MAX_PARTS]):
        if text := _block(block):
            yield text


def _block(block: Fields) -> str:
    """Return the plain part of a block (https://docs.slack.dev/reference/block-kit/)."""
    read = _BLOCKS.get(block.text("type"))
    return "" if read is None else read(block)


def _header(block: Fields) -> str:
    return f"*{oneLine(block.text('text.text'))}*"


def _section(block: Fields) -> str:
    texts = [block.get("text"), *block.list("fields")[:MAX_PARTS]]
    link = linkOf(block.text("accessory.url"))
    return "\n".join(filter(None, [*map(_text, texts), link]))


def _context(block: Fields) -> str:
    return " ".join(filter(None, map(_text, block.list("elements")[:MAX_PARTS])))


def _actions(block: Fields) -> str:
    """Return the buttons that open a page."""
    buttons = map(Fields, block.list("elements")[:MAX_PARTS])
    links = [(_text(each.get("text")), linkOf(each.text("url"))) for each in buttons]
    return "\n".join(f"{text}: {link}" for text, link in links if link)


def _image(block: Fields) -> str:
    parts = [oneLine(block.text("alt_text")), linkOf(block.text("image_url"))]
    return ": ".join(filter(None, parts))


def _richText(block: Fields) -> str:
    return "\n".join(_rich(each) for each in block.list("elements")[:MAX_PARTS])


_BLOCKS: Mapping[str, Callable[[Fields], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "rich_text": _richText,
    "markdown": lambda block: fromMarkdown(block.text("text")),
}


def _text(value: Any) -> str:
    """Return a text object of type C{mrkdwn} or C{plain_text}."""
    fields = Fields(value)
    text = fields.text("text")
    return fromMrkdwn(text) if fields.text("type") == "mrkdwn" else text


_STYLES = {"bold": "*", "italic": "_", "strike": "~", "code": "`"}


def _rich(value: Any, depth: int = 4) -> str:
    """
    Return an element of rich text, with the elements in it
    (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block/).
    """
    fields = Fields(value)
    kind = fields.text("type")
    if kind in _LEAVES:
        return _LEAVES[kind](fields)
    elements = fields.list("elements")[:MAX_PARTS] if depth else ()
    inner = [_rich(each, depth - 1) for each in elements]
    if kind == "rich_text_list":
        return "\n".join(f"- {each}" for each in inner)
    text = "".join(inner)
    if kind == "rich_text_quote":
        return "\n".join(f"> {line}" for line in text.split("\n"))
    return f"```\n{text}\n```" if kind == "rich_text_preformatted" else text


def _styled(fields: Fields) -> str:
    text = fields.text("text")
    if text and text.strip() == text:
        for name, mark in _STYLES.items():
            if fields.isTrue(f"style.{name}"):
                text = f"{mark}{text}{mark}"
    return text


def _richLink(fields: Fields) -> str:
    link, text = linkOf(fields.text("url")), fields.text("text")
    return f"{text} ({link})" if text else link


_LEAVES: Mapping[str, Callable[[Fields], str]] = {
    "text": _styled,
    "link": _richLink,
    "emoji": lambda fields: f":{fields.text('name')}:",
    "user": lambda fields: f"@{fields.text('user_id')}",
    "usergroup": lambda fields: f"@{fields.text('usergroup_id')}",
    "channel": lambda fields: f"#{fields.text('channel_id')}",
    "broadcast": lambda fields: f"@{fields.text('range')}",
}
