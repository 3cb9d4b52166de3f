"""
The lines of a batch that a callback gets, a stanza each, and those that it answers by.

    {"id": "msg_1", "stanza": {"kind": "message", "body": "Hello", …}}

    {"id": "msg_1", "status": 204}
    {"id": "msg_2", "reply": {"body": "Hello"}}
    {"id": "msg_3", "status": 503, "retry_after": 60}

So C{id} is what a stanza alone has as its C{webhook-id}. A line of the answer says what
an answer to it alone would have said, in words of the lines of C{/rest/batch}.
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

#: The statuses of a batch that are not about what is in it: whoever says them has not
#: looked at it, or is not the callback.
_ELSEWHERE = retry.RETRY_AFTER_STATUSES | {retry.GONE, 401, 403, 404, 407, 502, 504}

#: Why a stanza has no answer, in words to an operator.
_NO_LINE = "its answer to a batch has no line for it"
_NO_STATUS = "its line for it in the answer to a batch has no status from 200 to 599"
_NO_LINES = f"it answered a batch with {{status}}, and not with {NDJSON}"


@dataclass(frozen=True, slots=True)
class BatchResponse:
    """
    What a callback says to a batch.

    @ivar answers: To each stanza that has an answer, by its id.
    @ivar errors: Why there is none, for all others.
    @ivar unmatchedLines: How many lines belong to no stanza of it, or to one that has
        another.
    @ivar rejectedAsWhole: Whether the callback has refused it as a whole, which it may
        have done over one of them.
    """

    answers: Mapping[str, CallbackResponse] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    unmatchedLines: int = 0
    rejectedAsWhole: bool = False


def encodeLine(id: str, stanza: Element) -> bytes:
    """
    The line of a stanza.

    @param id: What the callback knows it by, the same each time.
    """
    encoded = formats.encode([stanza], formats.JSON)
    return b'{"id": %s, "stanza": %s}\n' % (json.dumps(id).encode(), encoded)


def parseBatchResponse(said: CallbackResponse, ids: Collection[str]) -> BatchResponse:
    """
    What an answer to a batch means for each of its stanzas.

    @param ids: Those of the stanzas.
    """
    if said.status == retry.GONE or _isPostponed(said):
        # This concerns the callback, not what it was asked.
        everyone = CallbackResponse(said.status, retryAfter=said.retryAfter)
        return BatchResponse(answers=dict.fromkeys(ids, everyone))
    if not said.isSuccess:
        isSuspect = said.status not in _ELSEWHERE
        if isSuspect and len(ids) == 1:
            # There is no other that it could be about.
            return BatchResponse(
                answers=dict.fromkeys(ids, CallbackResponse(said.status))
            )
        fault = f"it answered a batch with {errorFromStatus(said.status).text}"
        return BatchResponse(
            errors=dict.fromkeys(ids, fault), rejectedAsWhole=isSuspect
        )
    if not _isLines(said.contentType):
        fault = _NO_LINES.format(status=said.status)
        return BatchResponse(errors=dict.fromkeys(ids, fault))
    return _readLines(said.body, ids)


def _isPostponed(said: CallbackResponse) -> bool:
    return said.status in retry.RETRY_AFTER_STATUSES and said.retryAfter is not None


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
                break  # There is no end to them.
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
    A line, its reply as the body that it would be: what is wrong with that is for the
    same to say as of a body. Of what is no line nothing.
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
    """What the callback would have answered to the stanza alone."""
    reply, after = line["reply"], line.get("retry_after")
    status = line.get("status", 200 if reply else None)
    # True is an int, too.
    if type(status) is not int or not 200 <= status <= 599:
        return None
    contentType = formats.JSON if reply else None
    return CallbackResponse(
        status, contentType, reply, None if after is None else str(after)
    )
