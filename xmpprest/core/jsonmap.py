"""
The JSON form of a stanza: the one table of keys, put together, and at work.

Each key has a row, with the specification that it comes from and the element that it
stands for: in L{messagerows<xmpprest.core.messagerows>},
L{presencerows<xmpprest.core.presencerows>} or L{iqrows<xmpprest.core.iqrows>}, or in
L{commonrows<xmpprest.core.commonrows>}, if every kind has it.

A key that cannot say all of an element is there all the same, but then the element
stands in C{xml}, too, and counts there, so that nothing is ever lost. The keys are
mod_rest's. What C{/rest/openapi.json} says of them is made from this table.
"""

from __future__ import annotations

from collections.abc import Mapping

from .commonrows import COMMON
from .forwarding import forwarded
from .iqrows import IQ
from .mapping import StanzaMapping
from .messagerows import messageRows
from .presencerows import PRESENCE
from .rows import Row

#: The keys that only messages have.
MESSAGE = messageRows(forwarded(lambda: STANZAS))

#: Every key, by the kind of stanza.
KEYS: Mapping[str, Mapping[str, Row]] = {
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
