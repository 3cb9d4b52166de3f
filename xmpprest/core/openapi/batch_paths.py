"""What the OpenAPI document says of C{/batch}: many stanzas in one request."""

from __future__ import annotations

from collections.abc import Sequence

from ..media import formats
from ..media.framing import NDJSON
from .bodies import responses
from .schemas import JSONObject

_DESCRIPTION = """\
A line of JSON for each stanza, or XML stanzas in `<xmpp>…</xmpp>`. The body is read as
it comes, and may be of any length. Each stanza has a line of its own in the answer, as
soon as it is known what becomes of it, in any order: `index` is its place in the batch,
from 0, and the rest is what it would have been answered by alone. One that is refused
leaves the others alone. What cannot be read ends the batch: the last line has `unread`,
and the `index` of the first stanza that was not read.
"""

_BODY = """\
{"to": "user@example.org", "type": "chat", "body": "Hello!"}
{"to": "user@example.org", "type": "chat", "body": "Is anybody there?"}
"""
_BODY_XML = (
    "<xmpp><message to='user@example.org' type='chat'><body>Hello!</body></message>"
    "</xmpp>"
)
_ANSWER = """\
{"index":0,"status":202,"id":"p7Xy1Rk0","location":"/rest/outbox/p7Xy1Rk0"}
{"index":1,"status":202,"id":"b2Jk9Zq4","location":"/rest/outbox/b2Jk9Zq4"}
"""


def batchPaths(tag: str, parameters: Sequence[JSONObject]) -> JSONObject:
    """
    The path, below that of the resource.

    @param parameters: Those that every request to send may have.
    """
    text: JSONObject = {"type": "string"}
    return {
        "/batch": {
            "post": {
                "operationId": "postBatch",
                "tags": [tag],
                "summary": "Send many stanzas",
                "description": _DESCRIPTION,
                "parameters": [*parameters],
                "requestBody": {
                    "required": True,
                    "content": {
                        NDJSON: {"schema": text, "example": _BODY},
                        formats.XML: {"schema": text, "example": _BODY_XML},
                    },
                },
                "responses": responses(
                    409,
                    415,
                    422,
                    503,
                    _200={
                        "description": "A line for each stanza.",
                        "content": {NDJSON: {"schema": text, "example": _ANSWER}},
                    },
                ),
            }
        }
    }
