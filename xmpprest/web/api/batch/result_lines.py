"""The lines of the response to a batch, one per stanza."""

from __future__ import annotations

import json

from ....core.errors import Problem
from ....core.media import formats
from ...response import Response


def formatAccepted(index: int, id: str, location: str | None) -> bytes:
    """
    Return the line of a message or presence that was accepted.

    @param index: Of the stanza in the batch, from 0.
    @param location: The path of its status, if it is stored.
    """
    status = "" if location is None else f',"location":"{location}"'
    return f'{{"index":{index},"status":202,"id":{json.dumps(id)}{status}}}\n'.encode()


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
