"""
Discord's incoming webhooks, which many programs can post to
(https://docs.discord.com/developers/resources/webhook#execute-webhook).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..markup import fromMarkdown
from ..notice import Notice, levelOfColor, linkOf
from ..request import Fields, HookRequest
from ..text import oneLine
from .generic import textNotice

#: Discord allows 10 embeds, and 25 fields of each.
MAX_EMBEDS, MAX_FIELDS = 10, 25

#: Keys beside the content of a message.
_KEYS = {"content", "username", "avatar_url", "tts", "embeds", "allowed_mentions"}
_KEYS |= {"thread_name", "flags", "components", "attachments"}


def isDiscord(request: HookRequest) -> bool:
    """Return whether a request has the form of Discord's."""
    fields = request.fields
    hasEmbeds = any(isinstance(each, dict) for each in fields.list("embeds")[:1])
    return hasEmbeds or ("content" in fields and {*fields.value} <= _KEYS)


def notice(request: HookRequest) -> Notice:
    """Return the content of a message and its embeds."""
    fields = request.fields
    parts = [fromMarkdown(fields.text("content"))]
    level = ""
    for each in map(Fields, fields.list("embeds")[:MAX_EMBEDS]):
        color = each.number("color")
        level = level or ("" if color is None else levelOfColor(int(color)))
        parts += _embed(each)
    return textNotice("\n".join(filter(None, parts)), level)


def _embed(fields: Fields) -> Iterator[str]:
    """Yield the parts of an embed."""
    title, link = oneLine(fields.text("title")), linkOf(fields.text("url"))
    yield oneLine(fields.text("author.name"))
    yield f"*{title}*" if title else ""
    yield fromMarkdown(fields.text("description"))
    for each in map(Fields, fields.list("fields")[:MAX_FIELDS]):
        name, value = oneLine(each.text("name")), fromMarkdown(each.text("value"))
        # Fields without a visible name are used for layout.
        yield f"{name}: {value}" if name.strip("\u200b") and value else value
    yield linkOf(fields.text("image.url"))
    yield oneLine(fields.text("footer.text"))
    yield link
