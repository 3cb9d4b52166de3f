"""
The lines of a callback batch, one stanza each, and the lines of its response.

    {"id": "msg_1", "stanza": {"kind": "message", "body": "Hello", …}}

    {"id": "msg_1", "status": 204} {"id": "msg_2", "reply": {"body": "Hello"}} {"id":
    "msg_3", "status": 503, "retry_after": 60}

The C{id} is the C{webhook-id} that the stanza would have alone. A line of the response
stands for the response to that stanza alone; its keys are those of C{/rest/batch}.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any  # what JSON holds

from twisted.words.xish.domish import Element

from ..errors import errorFromStatus
from ..media import formats
from ..media.framing import NDJSON
from ..media.negotiation import parseContentType
from ..policy import retry
from ..policy.callback_response import CallbackResponse

#: The statuses that say nothing about the content of a batch: their sender has not read
#: it, or is not the callback.
_ELSEWHERE = retry.RETRY_AFTER_STATUSES | {retry.GONE, 401, 403, 404, 407, 502, 504}

#: Why a stanza has no response, in words to an operator.
_NO_LINE = "its answer to a batch has no line for it"
_NO_STATUS = "its line for it in the answer to a batch has no status from 200 to 599"
_NO_LINES = f"it answered a batch with {{status}}, and not with {NDJSON}"


@dataclass(frozen=True, slots=True)
class BatchResponse:
    """
    A callback's response to a batch.

    @ivar answers: The responses to single stanzas, by id.
    @ivar errors: Why the other stanzas have no response, by id.
    @ivar unmatchedLines: The number of lines that belong to no stanza of the batch, or
        to one that already has a line.
    @ivar rejectedAsWhole: Whether the callback rejected the whole batch, possibly
        because of one stanza.
    """

    answers: Mapping[str, CallbackResponse] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    unmatchedLines: int = 0
    rejectedAsWhole: bool = False


def encodeLine(id: str, stanza: Element, *, isReflection: bool = False) -> bytes:
    """
    Write the line of a stanza.

    @param id: The webhook id of the stanza.
    """
    if isReflection:
        encoded = formats.encodeReflection(stanza, formats.JSON)
    else:
        encoded = formats.encode([stanza], formats.JSON)
    return b'{"id": %s, "stanza": %s}\n' % (json.dumps(id).encode(), encoded)


def parseBatchResponse(
    response: CallbackResponse, ids: Collection[str]
) -> BatchResponse:
    """
    Split a response to a batch into the responses to its stanzas.

    @param ids: The ids of the stanzas in the batch.
    """
    if response.status == retry.GONE or _isPostponed(response):
        # This status concerns the callback, not the stanzas.
        everyone = CallbackResponse(response.status, retryAfter=response.retryAfter)
        return BatchResponse(answers=dict.fromkeys(ids, everyone))
    if not response.isSuccess:
        isSuspect = response.status not in _ELSEWHERE
        if isSuspect and len(ids) == 1:
            # The status can be about no other stanza.
            return BatchResponse(
                answers=dict.fromkeys(ids, CallbackResponse(response.status))
            )
        fault = f"it answered a batch with {errorFromStatus(response.status).text}"
        return BatchResponse(
            errors=dict.fromkeys(ids, fault), rejectedAsWhole=isSuspect
        )
    if not _isLines(response.contentType):
        fault = _NO_LINES.format(status=response.status)
        return BatchResponse(errors=dict.fromkeys(ids, fault))
    return _readLines(response.body, ids)


def _isPostponed(response: CallbackResponse) -> bool:
    return (
        response.status in retry.RETRY_AFTER_STATUSES
        and response.retryAfter is not None
    )


def _isLines(contentType: str | None) -> bool:
    try:
        return parseContentType(contentType or "")[0] == NDJSON
    except ValueError:
        return False


def _readLines(body: bytes, ids: Collection[str]) -> BatchResponse:
    answers: dict[str, CallbackResponse] = {}
    faults = dict.fromkeys(ids, _NO_LINE)
    open, strays = set(ids), 0
    for text in body.split(b"\n"):
        if not text.strip():
            continue
        line = _readLine(text)
        id = line.get("id")
        if not isinstance(id, str) or id not in open:
            strays += 1
            if strays > len(ids):
                break  # There may be no end of them.
            continue
        open.discard(id)
        answer = _answerOf(line)
        if answer is None:
            faults[id] = _NO_STATUS
        else:
            answers[id] = answer
            del faults[id]
    return BatchResponse(answers, faults, strays)


def _readLine(text: bytes) -> Mapping[str, Any]:
    """
    Parse a line. Its reply becomes the body that it would be alone, so that errors in
    it are reported in the same way.

    @return: Empty for a line that is not a JSON object.
    """
    try:
        line = json.loads(text)
        if not isinstance(line, dict):
            return {}
        reply = line.get("reply")
        return {**line, "reply": b"" if reply is None else json.dumps(reply).encode()}
    except (ValueError, RecursionError):
        return {}


def _answerOf(line: Mapping[str, Any]) -> CallbackResponse | None:
    """
    Return the response that a line stands for, or C{None} if its status is invalid.
    """
    reply, after = line["reply"], line.get("retry_after")
    status = line.get("status", 200 if reply else None)
    # True is an int, too.
    if type(status) is not int or not 200 <= status <= 599:
        return None
    contentType = formats.JSON if reply else None
    return CallbackResponse(
        status, contentType, reply, None if after is None else str(after)
    )
