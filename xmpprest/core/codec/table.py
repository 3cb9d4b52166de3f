"""
The JSON form of a stanza: the one table of keys, put together, and at work.

Each key has a row, with the specification that it comes from and the element that it
stands for: in L{fields_message<xmpprest.core.codec.fields_message>},
L{fields_presence<xmpprest.core.codec.fields_presence>} or
L{fields_iq<xmpprest.core.codec.fields_iq>}, or in
L{fields_common<xmpprest.core.codec.fields_common>}, if every kind has it.

A key that cannot say all of an element is there all the same, but then the element
stands in C{xml}, too, and counts there, so that nothing is ever lost. The keys are
mod_rest's. What C{/rest/openapi.json} says of them is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping

from .field import Field
from .fields_common import COMMON
from .fields_iq import IQ
from .fields_message import messageRows
from .fields_presence import PRESENCE
from .forwarding import forwardedShape
from .mapping import StanzaMapping

#: The keys that only messages have.
MESSAGE = messageRows(forwardedShape(lambda: STANZAS))

#: Every key, by the kind of stanza.
KEYS: Mapping[str, Mapping[str, Field]] = {
    "message": {**COMMON, **MESSAGE},
    "presence": {**COMMON, **PRESENCE},
    "iq": {**COMMON, **IQ},
}

#: The payloads of an iq: what a path may name (behaviour.md §1.1).
PAYLOADS = (*IQ, "payload")

#: The table at work. Typed, since it has itself in it.
STANZAS: StanzaMapping = StanzaMapping(
    KEYS, likely={"archive": "iq"}, sets=("archive", "command", "moderate")
)
