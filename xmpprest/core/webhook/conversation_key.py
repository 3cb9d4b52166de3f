"""
What conversations are called in the store: for which callback, from whom, to whom.

So those of one callback are together in the order of their names, and what it has to
do with one is nobody else's matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza.parser import SEPARATOR

#: The sender, the addressee, and whether it is about iqs.
OrderingKey: TypeAlias = tuple[str, str, bool]

#: The callback whose conversations have no name before them: that of the settings that
#: are for one alone, and of every gateway before there could be several.
DEFAULT = "default"

#: Comes after the separator, and in no name.
_BEYOND = chr(ord(SEPARATOR) + 1)


def orderingKeyOf(stanza: Element) -> OrderingKey:
    """
    What a stanza of an address waits for: those before it of its conversation. An iq
    concerns one client of its sender, a message all of them.
    """
    sender, isIQ = stanza["from"], stanza.name == "iq"
    return (sender if isIQ else jid.bareOf(sender), stanza["to"], isIQ)


@dataclass(frozen=True, slots=True)
class ConversationKeys:
    """
    The names of the conversations of one callback.

    @ivar callback: Its name.
    """

    callback: str = DEFAULT

    def keyFor(self, sender: str, to: str) -> str:
        """
        The name of a conversation.

        @param sender: The bare address.
        """
        return f"{self._prefix}{sender}{SEPARATOR}{to}"

    def rekey(self, key: str) -> str:
        """The name of the same conversation, be it of another callback."""
        own = key.split(SEPARATOR, 2)[2] if key.startswith(SEPARATOR) else key
        return self._prefix + own

    @property
    def lowerBound(self) -> str:
        """What all of them come after."""
        return self._prefix or _BEYOND

    @property
    def upperBound(self) -> str | None:
        """What all of them come before; C{None}, nothing comes after them."""
        isDefault = self.callback == DEFAULT
        return None if isDefault else f"{SEPARATOR}{self.callback}{_BEYOND}"

    def __contains__(self, key: str) -> bool:
        return callbackOf(key) == self.callback

    @property
    def _prefix(self) -> str:
        isDefault = self.callback == DEFAULT
        return "" if isDefault else f"{SEPARATOR}{self.callback}{SEPARATOR}"


def callbackOf(key: str) -> str:
    """The callback that a conversation is for."""
    if not key.startswith(SEPARATOR):
        return DEFAULT
    return key.split(SEPARATOR, 2)[1]
