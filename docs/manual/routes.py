"""The routes, as the OpenAPI document has them, for the page about them."""

from __future__ import annotations

from collections.abc import Iterator

from xmpprest import __version__
from xmpprest.core.codec.table import KEYS, PAYLOADS
from xmpprest.core.openapi.document import document

from .markup import literal, prose, table

_DOCUMENT = document("gateway.example.org", __version__)

#: The paths of what has a table of its own, by payload.
_BY_PAYLOAD = {
    path for name in PAYLOADS for path in (f"/{name}/{{to}}", f"/iq/{name}/{{to}}")
}


def written() -> str:
    """A table of each group of routes, but those that ask by payload."""
    lines: list[str] = []
    for tag in _DOCUMENT["tags"]:
        rows = [row for name, *row in _operations() if name == tag["name"]]
        if rows:
            lines += [f"**{tag['name']}.** {prose(tag['description'])}", ""]
            lines += table("44 56", ("Route", "What it does"), rows)
    return "\n".join(lines)


def _operations() -> Iterator[tuple[str, str, str]]:
    """The group, the route, and what it does."""
    for path in [each for each in _DOCUMENT["paths"] if each not in _BY_PAYLOAD]:
        for method, operation in _DOCUMENT["paths"][path].items():
            route = literal(f"{method.upper()} /rest{path.rstrip('/')}")
            words = (operation["summary"], operation.get("description", ""))
            text = " ".join(_sentence(each) for each in words if each)
            yield operation["tags"][0], route, prose(text)


def _sentence(words: str) -> str:
    return words if words.endswith((".", "?")) else f"{words}."


def payloadsWritten() -> str:
    """A table of what can be asked as one URL."""
    head = ("Payload", "What is asked", "Keys of the query", "Specification")
    return "\n".join(table("18 32 36 14", head, map(_payload, PAYLOADS)))


def _payload(name: str) -> tuple[str, str, str, str]:
    """Its row."""
    query = _DOCUMENT["paths"][f"/{name}/{{to}}"]["get"]
    keys = [each["name"] for each in query["parameters"] if each.get("in") == "query"]
    source = KEYS["iq"][name].source.partition(":")[0]
    what = _sentence(query["summary"].removesuffix(f" ({source})"))
    return literal(name), prose(what), ", ".join(map(literal, keys)), source


def statusesWritten() -> str:
    """A table of what may go wrong."""
    rows = [
        (
            literal(status),
            prose(response["description"]),
            ", ".join(map(literal, response["headers"])),
        )
        for status, response in _DOCUMENT["components"]["responses"].items()
        if status.isdecimal()
    ]
    return "\n".join(table("12 64 24", ("Status", "When", "Header"), rows))
