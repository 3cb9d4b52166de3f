"""The JSON form of events of the gateway itself."""

from __future__ import annotations

import json

from twisted.words.xish.domish import Element

from ..media.values import Value
from ..stanza.build import elements


def metaToJSON(event: Element) -> dict[str, Value]:
    """
    Return an event as a callback receives it.

    @param event: Has the name C{meta}, and one child with an object in JSON as text.
    """
    value: dict[str, Value] = {"kind": event.name, "type": event["type"]}
    for each in elements(event):
        value.update(json.loads(str(each)))
    return value
