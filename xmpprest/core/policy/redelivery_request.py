"""Parses requests to redeliver dead letters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..codec.scalars import Schema, quoteShort, unknownKey, wrongType
from ..errors import unprocessable
from ..media.values import Value

_TIME: Schema = {"type": "string", "format": "date-time"}

#: The highest number of ids in one request.
MAX_IDS = 1000

#: Times before and after every stanza.
_EVER = (0.0, 253402300800.0)

REDELIVERY: Schema = {
    "title": "selection of dead stanzas",
    "anyOf": [
        {
            "type": "object",
            "properties": {
                "ids": {
                    "type": "array",
                    "items": {"type": "string"},
                    "minItems": 1,
                    "maxItems": MAX_IDS,
                },
            },
            "required": ["ids"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "since": {
                    **_TIME,
                    "description": "Stanzas received from this time on.",
                },
                "until": {**_TIME, "description": "Stanzas received before this time."},
            },
            "minProperties": 1,
            "additionalProperties": False,
        },
    ],
}


@dataclass(frozen=True, slots=True)
class RedeliveryRequest:
    """
    A selection of dead letters.

    @ivar ids: The webhook ids; C{None} for all that arrived within the time span.
    @ivar since: The start of the time span, included, in seconds since 1970.
    @ivar until: The end of the time span, excluded.
    """

    ids: Sequence[str] | None = None
    since: float = _EVER[0]
    until: float = _EVER[1]


def parseRedeliveryRequest(value: Value) -> RedeliveryRequest:
    """
    Parse the body of a redelivery request.

    @raise Refusal: 422, the body selects nothing, or is malformed.
    """
    selection: dict[str, Value] = {}
    if isinstance(value, dict):
        selection = {key: inner for key, inner in value.items() if inner is not None}
    for key in selection:
        if key not in ("ids", "since", "until"):
            raise unknownKey("", key, ("ids", "since", "until"))
    if not selection:
        raise unprocessable(
            "bad-format",
            'Select the dead letters: by id, {"ids": ["msg_…"]}, or by time of arrival,'
            ' {"since": "2026-01-01T00:00:00Z", "until": "…"}.',
        )
    if "ids" not in selection:
        return _within(selection)
    if len(selection) > 1:
        raise unprocessable(
            "bad-format", "Give either 'ids', or 'since' and 'until', not both."
        )
    return RedeliveryRequest(_ids(selection["ids"]))


def _ids(value: Value) -> Sequence[str]:
    expected = f"a list of 1 to {MAX_IDS} ids of stanzas"
    if not isinstance(value, list):
        raise wrongType("ids", expected, value)
    ids = [each for each in value if isinstance(each, str)]
    if len(ids) != len(value) or not 0 < len(ids) <= MAX_IDS:
        raise unprocessable("bad-format", f"The key 'ids' must be {expected}.")
    return ids


def _within(span: Mapping[str, Value]) -> RedeliveryRequest:
    times = {key: _moment(value, key) for key, value in span.items()}
    within = RedeliveryRequest(None, **times)
    if within.since >= within.until:
        raise unprocessable("bad-format", "'since' must be before 'until'.")
    return within


def _moment(value: Value, key: str) -> float:
    if not isinstance(value, str):
        raise wrongType(key, "a time as a string", value)
    try:
        return parseTimestamp(value)
    except ValueError:
        raise unprocessable(
            "bad-format",
            f"The key {key!r} must be a time like 2026-01-01T00:00:00Z (RFC 3339),"
            f" not {quoteShort(value)}.",
        ) from None


#: RFC 3339 §5.6
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def parseTimestamp(text: str) -> float:
    """
    Parse a time as written by RFC 3339.

    @return: Seconds since 1970.
    @raise ValueError: The text is not such a time.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a time")
    return datetime.fromisoformat(text.upper()).timestamp()
