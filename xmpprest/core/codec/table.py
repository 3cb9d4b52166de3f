"""
The table of JSON keys, assembled from its parts.

To add a key for an element that has none:

1. Add one L{Field} to C{fields_message.py}, C{fields_presence.py} or C{fields_iq.py};
to
   C{COMMON} in C{fields_common.py} if every kind may have it. It names the
   specification
   and the element, and the shape of its value::

       "attention": Field(
           "XEP-0224: Attention",
           Child("attention", Flag(), "urn:xmpp:attention:0"),
       ),

   C{Child} is one element, C{Children} a list of them. C{Flag} makes true of an empty
   element, C{Text} a string of its text, C{AttributeValue} a string of one attribute,
   C{ObjectShape} an object of several attributes and children:
   L{shapes<xmpprest.core.codec.shapes>} and L{slots<xmpprest.core.codec.slots>} have
   them all. The key of an iq is also a path, C{GET /rest/KEY/…}.
2. Add a description of the key to C{core/openapi/descriptions.yaml}; without one the
   OpenAPI document is a KeyError.
3. Add an example, with the JSON and the XML, to C{tests/core/codec/pairs.py}, and a row
   to C{docs/reference/json.rst}. C{tests.core.codec.test_table} and
   C{tests.docs.test_json} fail until both are there.

Reading, writing, forms, errors and the JSON Schema all follow from the field. If a
value
cannot hold all of an element, the element is also in C{xml}, so nothing is lost. The
keys
are those of mod_rest where mod_rest has them.
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

#: The fields that only messages have.
MESSAGE = messageFields(forwardedShape(lambda: STANZAS))

#: All fields, by the kind of stanza and the key.
KEYS: Mapping[str, Mapping[str, Field]] = {
    "message": {**COMMON, **MESSAGE},
    "presence": {**COMMON, **PRESENCE},
    "iq": {**COMMON, **IQ},
}

#: The iq payloads that a path may name (behaviour.md §1.1).
PAYLOADS = (*IQ, "payload")

#: The mapping by this table. Annotated, since a forwarded message refers to it.
STANZAS: StanzaMapping = StanzaMapping(
    KEYS, likely={"archive": "iq"}, sets=("archive", "command", "moderate")
)
