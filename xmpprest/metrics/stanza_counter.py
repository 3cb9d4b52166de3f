"""Counts the stanzas that pass."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.words.xish.domish import Element

#: The kinds, by how a stanza of that kind begins.
_BEGINNINGS = {"<m": "message", "<p": "presence", "<i": "iq"}


class StanzaCounter:
    """
    How many stanzas have passed.

    @ivar sent: By kind.
    @ivar received: By kind.
    """

    def __init__(self) -> None:
        self.sent = dict.fromkeys(_BEGINNINGS.values(), 0)
        self.received = dict.fromkeys(_BEGINNINGS.values(), 0)

    def countSent(self, xml: str) -> None:
        """One has been written."""
        self.sent[_BEGINNINGS[xml[:2]]] += 1

    def countReceived(self, stanza: Element) -> None:
        """One has come."""
        self.received[stanza.name] += 1

    def counts(self) -> Mapping[tuple[str, ...], int]:
        """All of them, by direction and kind."""
        ways = (("out", self.sent), ("in", self.received))
        return {(way, kind): n for way, of in ways for kind, n in of.items()}
