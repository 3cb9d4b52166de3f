"""The lines that a batch is answered by, one for each stanza."""

from __future__ import annotations

import json
from urllib.parse import quote

from ....core.errors import Problem
from ....core.media import formats
from ...response import Response


def formatAccepted(index: int, id: str, place: str | None) -> bytes:
    """
    That a message or presence is accepted.

    @param index: Of the stanza in the batch, from 0.
    @param place: The path below which its status is, if it is kept.
    """
    kept = "" if place is None else f',"location":"{statusPath(id, place)}"'
    return f'{{"index":{index},"status":202,"id":{json.dumps(id)}{kept}}}\n'.encode()


def statusPath(id: str, place: str) -> str:
    """The path of a message's status."""
    return f"{place}{quote(id, safe='')}"


#: The fields of an answer that a line has, too, as a member of that name.
_FIELDS = {"Stanza-Id": "id", "Location": "location", "Retry-After": "retry_after"}


def formatResult(index: int, response: Response) -> bytes:
    """
    What a stanza would have been answered by alone.

    @param response: In JSON, if it has a body.
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
    That nothing more could be read.

    @param index: Of the first stanza that was not.
    """
    body = formats.encodeProblem(problem, formats.JSON)
    line = json.loads(formatResult(index, Response(problem.status, body, formats.JSON)))
    return _line({**line, "unread": True})


def _line(line: dict[str, object]) -> bytes:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
