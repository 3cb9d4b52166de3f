"""
The table of JSON keys, assembled from its parts.

C{CONTRIBUTING.rst} says how to add a key. Reading, writing, forms, errors and the JSON
Schema all follow from the field. If a value cannot hold all of an element, the element
is also in C{xml}, so nothing is lost. The keys are those of mod_rest where mod_rest has
them.
"""

from __future__ import annotations

from collections.abc import Mapping

from .field import Field
from .fields_common import COMMON
from .fields_iq import IQ
from .fields_message import messageFields
from .fields_presence import PRESENCE
from .forwarding import forwardedShape
from .mapping import StanzaMapping
from .pubsub import PUBSUB_SETS

#: The fields that only messages have.
MESSAGE = messageFields(forwardedShape(lambda: STANZAS))

#: All fields, by the kind of stanza and the key.
KEYS: Mapping[str, Mapping[str, Field]] = {
    "message": {**COMMON, **MESSAGE},
    "presence": {**COMMON, **PRESENCE},
    "iq": {**COMMON, **IQ},
}

#: The iq payloads that a path may name (docs/reference/http-api.rst).
PAYLOADS = (*IQ, "payload")

#: The mapping by this table. Annotated, since a forwarded message refers to it.
STANZAS: StanzaMapping = StanzaMapping(
    KEYS,
    likely={"archive": "iq"},
    sets=(
        *("archive", "block", "command", "moderate", "unblock"),
        *(f"pubsub.{key}" for key in PUBSUB_SETS),
    ),
)
