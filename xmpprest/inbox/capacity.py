"""Limits on waiting stanzas in number and bytes, with a share for each sender."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from twisted.logger import Logger

from ..core.stanza import jid
from ..core.webhook.conversation_key import senderOf

_log = Logger()

#: Number and size of the stanzas of a sender without any.
_NOTHING = (0, 0)


class Capacity:
    """
    The stanzas that wait for one callback, counted by sender.

    A stanza is refused if it does not fit, or if its bare sender or the domain of its
    sender would then hold more than is still free (reliability.rst, I{Limits}). So no
    sender and no domain ever holds more than half.

    @ivar count: Number of waiting stanzas.
    @ivar size: Their size, in bytes of XML.
    @ivar refused: Number of stanzas refused since the start.
    """

    def __init__(
        self,
        limits: Callable[[], tuple[int, int]],
        title: str,
        *,
        isShared: bool = True,
    ) -> None:
        """
        @param limits: Returns the limits on the number and on the size, which is in
            bytes of XML.
        @param title: The waiting stanzas, as the log names them.
        @param isShared: Whether senders are limited to their shares.
        """
        self._limits = limits
        self._title = title
        self._isShared = isShared
        self._isLogged = False
        #: Number and size of the stanzas of each sender and of each domain.
        self._shares: dict[str, tuple[int, int]] = {}
        self.count = 0
        self.size = 0
        self.refused = 0

    @property
    def free(self) -> int:
        """The number of stanzas that still fit."""
        return max(0, self._limits()[0] - self.count)

    def clear(self) -> None:
        """Forget all stanzas, but not how many were refused."""
        self.count = self.size = 0
        self._shares.clear()

    def admit(self, key: str, size: int) -> bool:
        """
        Count another stanza, unless it is refused. The first refusal is logged, and the
        next one only after the queue was shorter than a quarter of the limit.

        @param key: Name of its conversation.
        @param size: In bytes of XML.
        """
        limit, sizeLimit = self._limits()
        free, freeSize = limit - self.count, sizeLimit - self.size
        if free < 1 or freeSize < size:
            return self._refuse("full", self._title)
        if self._isShared:
            for holder in _holders(key):
                count, held = self._shares.get(holder, _NOTHING)
                if count >= free or held + size > freeSize:
                    return self._refuse("share", holder.lstrip("@"))
        if self._isLogged and self.count * 4 < limit and self.size * 4 < sizeLimit:
            self._isLogged = False
        self.add(key, size)
        return True

    def add(self, key: str, size: int, count: int = 1) -> None:
        """
        Add stanzas of one conversation to the totals, without checking the limits.

        @param size: Their total size in bytes; negative to remove stanzas.
        @param count: Their number; -1 to remove one.
        """
        self.count += count
        self.size += size
        if self._isShared:
            shares = self._shares
            for holder in _holders(key):
                number, held = shares.get(holder, _NOTHING)
                if number + count > 0:
                    shares[holder] = (number + count, held + size)
                else:
                    shares.pop(holder, None)

    def remove(self, key: str, size: int) -> None:
        """Forget one stanza."""
        self.add(key, -size, -1)

    def _refuse(self, reason: str, name: str) -> bool:
        self.refused += 1
        if not self._isLogged:
            self._isLogged = True
            limit, sizeLimit = self._limits()
            _log.error(
                _COMPLAINTS[reason],
                name=name,
                title=self._title,
                count=self.count,
                size=self.size,
                limit=limit,
                sizeLimit=sizeLimit,
            )
        return False


_COMPLAINTS = {
    "full": (
        "Inbox full: {count} {title} with {size} bytes (limits: {limit} and"
        " {sizeLimit} bytes). Further stanzas are refused until the callback catches"
        " up; messages from rooms are lost."
    ),
    "share": (
        "Inbox share of {name} used up: it holds as much as is free ({count} {title}"
        " with {size} bytes in all; limits: {limit} and {sizeLimit} bytes). Its further"
        " stanzas are refused until the callback catches up; messages from rooms are"
        " lost."
    ),
}


@lru_cache(maxsize=4096)
def _holders(key: str) -> tuple[str, str]:
    """
    Return the names under which the stanzas of a conversation are counted: its bare
    sender and the domain of that.
    """
    sender = senderOf(key)
    return sender, "@" + jid.splitJID(sender)[1]
