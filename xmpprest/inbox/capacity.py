"""Limits on waiting stanzas in number and bytes, with a share for each sender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from twisted.logger import Logger

from ..core.policy.quota import Excess, Limits, Quota
from ..core.stanza import jid
from ..core.webhook.conversation_key import senderOf

_log = Logger()


class Capacity:
    """
    The stanzas that wait for one callback.

    The holders of a stanza are its bare sender and the domain of its sender; see
    L{Quota} for their shares.

    @ivar refused: Number of stanzas refused since the start.
    """

    def __init__(
        self,
        limits: Callable[[], tuple[int, int]],
        title: str,
        *,
        isShared: bool = True,
        hasSettings: bool = False,
    ) -> None:
        """
        @param limits: Returns the limits on the number and on the size, which is in
            bytes of XML.
        @param title: The waiting stanzas, as the log names them.
        @param isShared: Whether senders are limited to their shares.
        @param hasSettings: Whether the limits are C{inbox-limit} and C{inbox-size}.
        """
        self._hasSettings = hasSettings
        self._limits = limits
        self._title = title
        self._holdersOf = _holders if isShared else _noHolders
        self._isLogged = False
        self._quota: Quota[str] = Quota()
        self.refused = 0

    @property
    def count(self) -> int:
        """The number of waiting stanzas."""
        return self._quota.count

    @property
    def size(self) -> int:
        """The size of the waiting stanzas, in bytes of XML."""
        return self._quota.size

    @property
    def free(self) -> int:
        """The number of stanzas that still fit."""
        return max(0, self._limits()[0] - self.count)

    def clear(self) -> None:
        """Forget all stanzas, but not how many were refused."""
        self._quota = Quota()

    def admit(self, key: str, size: int) -> bool:
        """
        Count another stanza, unless it is refused. The first refusal is logged, and the
        next one only after the queue was shorter than a quarter of the limit.

        @param key: Name of its conversation.
        @param size: In bytes of XML.
        """
        quota, limits, holders = self._quota, self._limits(), self._holdersOf(key)
        excess = quota.excess(Limits(*limits), holders, size)
        if excess is not None:
            self._refuse(excess)
            return False
        if (
            self._isLogged
            and quota.count * 4 < limits[0]
            and quota.size * 4 < limits[1]
        ):
            self._isLogged = False
        quota.add(holders, size)
        return True

    def add(self, key: str, size: int, count: int = 1) -> None:
        """
        Add stanzas of one conversation to the totals, without checking the limits.

        @param size: Their total size in bytes; negative to remove stanzas.
        @param count: Their number; -1 to remove one.
        """
        self._quota.add(self._holdersOf(key), size, count)

    def remove(self, key: str, size: int) -> None:
        """Forget one stanza."""
        self._quota.remove(self._holdersOf(key), size)

    def _refuse(self, excess: Excess[str]) -> None:
        """
        Count a refusal, and log it unless the last one was logged recently.

        @param excess: The reason.
        """
        self.refused += 1
        if self._isLogged:
            return
        self._isLogged = True
        limit, sizeLimit = self._limits()
        holder = excess.holder
        _log.error(
            _FULL if holder is None else _SHARE_USED_UP,
            holder=holder and _describe(holder),
            used=excess.used,
            unit=excess.unit,
            title=self._title,
            count=self.count,
            size=self.size,
            limit=limit,
            sizeLimit=sizeLimit,
            advice=_ADVICE[excess.unit] if self._hasSettings else "",
        )


_FULL = (
    "Inbox full: {count} {title} with {size} bytes (limits: {limit} and {sizeLimit}"
    " bytes). Further stanzas are refused until the callback catches up; messages from"
    " rooms are lost.{advice}"
)
_SHARE_USED_UP = (
    "Inbox share of {holder} used up: it has {used} {unit}, as much as is still free"
    " ({count} {title} with {size} bytes in all; limits: {limit} and {sizeLimit}"
    " bytes). Its further stanzas are refused until the callback catches up; messages"
    " from rooms are lost.{advice}"
)
#: The setting to raise, by the unit of the limit.
_ADVICE = {"messages": " Or raise inbox-limit.", "bytes": " Or raise inbox-size."}


@lru_cache(maxsize=4096)
def _holders(key: str) -> Sequence[str]:
    """
    Return the names under which the stanzas of a conversation are counted: its bare
    sender and the domain of that.
    """
    sender = senderOf(key)
    return sender, "@" + jid.splitJID(sender)[1]


def _describe(holder: str) -> str:
    """Return a holder as the log names it."""
    kind = "the domain" if holder.startswith("@") else "the sender"
    return f"{kind} {holder.lstrip('@')}"


def _noHolders(key: str) -> Sequence[str]:
    """Return no names: the stanzas of a conversation count for no share."""
    return ()
