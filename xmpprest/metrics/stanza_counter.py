"""Counts the stanzas that are sent and received."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.words.xish.domish import Element

#: The kinds, by how a stanza of that kind begins.
_BEGINNINGS = {"<m": "message", "<p": "presence", "<i": "iq"}


class StanzaCounter:
    """
    A stanza observer that counts, by direction and kind.
    """

    def __init__(self) -> None:
        self._sent = dict.fromkeys(_BEGINNINGS.values(), 0)
        self._received = dict.fromkeys(_BEGINNINGS.values(), 0)

    def sent(self, xml: str) -> None:
        """Count a stanza that has been written to the stream."""
        self._sent[_BEGINNINGS[xml[:2]]] += 1

    def received(self, stanza: Element) -> None:
        """Count a stanza that has arrived."""
        self._received[stanza.name] += 1

    def counts(self) -> Mapping[tuple[str, ...], int]:
        """The number of stanzas by direction, C{"in"} or C{"out"}, and kind."""
        ways = (("out", self._sent), ("in", self._received))
        return {(way, kind): n for way, of in ways for kind, n in of.items()}
