"""The lines of the response to a batch, one per stanza."""

from __future__ import annotations

import json
from urllib.parse import quote

from ....core.errors import Problem
from ....core.media import formats
from ...response import Response


def formatAccepted(index: int, id: str, place: str | None) -> bytes:
    """
    Format the result of an accepted message or presence.

    @param index: The position of the stanza in the batch, from 0.
    @param place: The path below which the status is found; C{None} if it is not stored.
    """
    kept = "" if place is None else f',"location":"{statusPath(id, place)}"'
    return f'{{"index":{index},"status":202,"id":{json.dumps(id)}{kept}}}\n'.encode()


def statusPath(id: str, place: str) -> str:
    """Return the path of the status of a message."""
    return f"{place}{quote(id, safe='')}"


#: Header fields of a response that its line repeats as members.
_FIELDS = {"Stanza-Id": "id", "Location": "location", "Retry-After": "retry_after"}


def formatResult(index: int, response: Response) -> bytes:
    """
    Format the response that the stanza would get by itself.

    @param response: A response without a body, or with a body in JSON.
    """
    line: dict[str, object] = {"index": index, "status": response.status}
    for name, value in response.headers:
        if name in _FIELDS:
            isNumber = name == "Retry-After" and value.isdigit()
            line[_FIELDS[name]] = int(value) if isNumber else value
    if not response.body:
        return _line(line)
    said = json.loads(response.body)
    return _line(line | ({"reply": said} if response.status == 200 else said))


def formatUnread(index: int, problem: Problem) -> bytes:
    """
    Format the error that ended the reading.

    @param index: The position of the first stanza that was not read.
    """
    body = formats.encodeProblem(problem, formats.JSON)
    line = json.loads(formatResult(index, Response(problem.status, body, formats.JSON)))
    return _line({**line, "unread": True})


def _line(line: dict[str, object]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
