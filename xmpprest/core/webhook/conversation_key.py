"""
Keys of conversations in the store: callback, sender and recipient.

The keys of one callback are adjacent in the store's order, so that each callback can
read its own conversations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

from twisted.words.xish.domish import Element

from ..stanza import jid
from ..stanza.parser import SEPARATOR

#: Length in characters from which the part of an address is shortened in a key.
LONG = 128
#: Stands before the hash that replaces the rest of a long part; no address contains it.
_HASH = "\x03"

#: The callback whose keys have no prefix: the only callback of a gateway that has one.
DEFAULT = "default"

#: The character after the separator in sort order; no name contains it.
_BEYOND = chr(ord(SEPARATOR) + 1)


def conversationOf(stanza: Element) -> tuple[str, str]:
    """Return the bare sender and the recipient of a stanza."""
    return jid.bareOf(stanza["from"]), stanza["to"]


def senderOf(key: str) -> str:
    """
    Return the sender's bare address from a conversation key, with overlong parts
    shortened.
    """
    parts = key.split(SEPARATOR)
    return parts[2] if key.startswith(SEPARATOR) else parts[0]


def _shorten(part: str) -> str:
    """
    Return the part of an address with its end replaced by a hash if it is long, so that
    keys take little memory whatever addresses strangers choose.
    """
    if len(part) <= LONG:
        return part
    digest = blake2b(part.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    return f"{part[: LONG // 2]}{_HASH}{digest}"


@dataclass(frozen=True, slots=True)
class ConversationKeys:
    """
    The conversation keys of one callback.

    @ivar callback: The callback's name.
    @ivar prefix: The beginning of its keys.
    """

    callback: str = DEFAULT
    prefix: str = field(init=False)

    def __post_init__(self) -> None:
        isDefault = self.callback == DEFAULT
        prefix = "" if isDefault else f"{SEPARATOR}{self.callback}{SEPARATOR}"
        object.__setattr__(self, "prefix", prefix)

    def keyFor(self, sender: str, to: str) -> str:
        """
        Return the key of a conversation.

        @param sender: The bare address of the sender.
        @param to: The recipient's address, as the stanza has it.
        """
        if len(sender) > LONG:
            local, at, domain = sender.partition("@")
            sender = f"{_shorten(local)}{at}{_shorten(domain)}"
        if len(to) > LONG:
            to = _shorten(to)
        return f"{self.prefix}{sender}{SEPARATOR}{to}"

    def keyOf(self, stanza: Element) -> str:
        """Return the name of the conversation of a stanza."""
        attributes = stanza.attributes
        return self.keyFor(attributes["from"].partition("/")[0], attributes["to"])

    def rekey(self, key: str) -> str:
        """Return this callback's key for the conversation of any callback's key."""
        own = key.split(SEPARATOR, 2)[2] if key.startswith(SEPARATOR) else key
        return self.prefix + own

    @property
    def lowerBound(self) -> str:
        """A key before all keys of the callback."""
        return self.prefix or _BEYOND

    @property
    def upperBound(self) -> str | None:
        """
        A key after all keys of the callback; C{None} if they are the last in the store.
        """
        isDefault = self.callback == DEFAULT
        return None if isDefault else f"{SEPARATOR}{self.callback}{_BEYOND}"

    def __contains__(self, key: str) -> bool:
        return callbackOf(key) == self.callback


def callbackOf(key: str) -> str:
    """Return the name of the callback that a conversation belongs to."""
    if not key.startswith(SEPARATOR):
        return DEFAULT
    return key.split(SEPARATOR, 2)[1]
