"""The routes, as the OpenAPI document has them, for the pages about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from xmpprest import __version__
from xmpprest.core.codec.table import KEYS, PAYLOADS
from xmpprest.core.errors import ERROR_BY_STATUS
from xmpprest.core.openapi.document import document

from .markup import definitions, literal, prose, table

_DOCUMENT = document("gateway.example.org", __version__)

#: The paths of queries, which have a table of their own, by payload.
_BY_PAYLOAD = {
    path for name in PAYLOADS for path in (f"/{name}/{{to}}", f"/iq/{name}/{{to}}")
}


def written() -> str:
    """Write a list of each group of routes, without the queries by payload."""
    lines: list[str] = []
    for tag in _DOCUMENT["tags"]:
        items = [
            (literal(route), (text,))
            for name, route, text in _operations()
            if name == tag["name"]
        ]
        if items:
            lines += [f"**{tag['name']}.** {prose(tag['description'])}", ""]
            lines += definitions("routes", items)
    return "\n".join(lines)


def names() -> list[str]:
    """Return all routes that have an entry, as in C{POST /rest/batch}."""
    return [route for _, route, _ in _operations()]


def _operations() -> Iterator[tuple[str, str, str]]:
    """The group of each route, the route, and its description."""
    for path in [each for each in _DOCUMENT["paths"] if each not in _BY_PAYLOAD]:
        for method, operation in _DOCUMENT["paths"][path].items():
            route = f"{method.upper()} /rest{path.rstrip('/')}"
            words = (operation["summary"], operation.get("description", ""))
            text = " ".join(_sentence(each) for each in words if each)
            yield operation["tags"][0], route, prose(text)


def _sentence(words: str) -> str:
    words = words.strip()
    return words if words.endswith((".", "?")) else f"{words}."


def payloadsWritten() -> str:
    """Write a table of the queries that fit into a URL."""
    head = ("Payload", "Query", "Keys of the query string", "Specification")
    return "\n".join(table("18 32 36 14", head, map(_payload, PAYLOADS)))


def _payload(name: str) -> tuple[str, str, str, str]:
    """The row of a payload."""
    query = _DOCUMENT["paths"][f"/{name}/{{to}}"]["get"]
    keys = [each["name"] for each in query["parameters"] if each.get("in") == "query"]
    source = KEYS["iq"][name].source.partition(":")[0]
    what = _sentence(query["summary"].removesuffix(f" ({source})"))
    return literal(name), prose(what), ", ".join(map(literal, keys)), source


def statusesWritten() -> str:
    """Write a list of the statuses of errors."""
    items = [
        (literal(status), (_status(response),))
        for status, response in _problems().items()
    ]
    return "\n".join(definitions("statuses", items))


def _problems() -> dict[str, Any]:
    """The responses of the document that are errors, by status."""
    responses: dict[str, Any] = _DOCUMENT["components"]["responses"]
    return {status: each for status, each in responses.items() if status.isdecimal()}


def _status(response: Any) -> str:
    """The description of an error, with the headers that it has."""
    text = prose(response["description"])
    headers = ", ".join(map(literal, response["headers"]))
    return f"{text} With {headers}." if headers else text


def statusNames() -> list[str]:
    """Return the statuses of errors."""
    return [*_problems()]


def callbackErrorsWritten() -> str:
    """Write a table of the stanza errors that a callback's statuses become."""
    rows = [
        (literal(str(status)), literal(condition), type)
        for status, (type, condition) in ERROR_BY_STATUS.items()
    ]
    return "\n".join(table("20 50 30", ("Status", "Stanza error", "Type"), rows))
