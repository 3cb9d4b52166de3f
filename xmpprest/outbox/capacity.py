"""Limits the messages that wait for the XMPP server."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from twisted.internet.defer import Deferred, succeed

from ..concurrency.waiters import Waiters
from ..core.errors import Refusal, serviceUnavailable
from ..core.live import Live, LiveSettings
from ..core.policy.quota import Excess, Limits, Quota
from ..core.records import OutboxUsage
from .backlog import MAX_MESSAGES_IN_MEMORY, QueuedMessage

#: Unconfirmed messages at which a batch pauses. Up to this number they are in memory,
#: and need not be read from the store.
HIGH_WATER = MAX_MESSAGES_IN_MEMORY
#: Seconds after which a client should retry a message that was refused.
RETRY_AFTER = 30


class Holder(NamedTuple):
    """
    A party whose messages occupy a part of the outbox.

    @ivar kind: C{"sender"}, C{"domain"} or C{"token"}.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"


class OutboxCapacity:
    """
    Counts the unconfirmed messages, and refuses those beyond the limits.

    Messages that were posted with a token count for the shares of the token, of their
    bare sender and of its domain. Messages that were posted with credentials, and the
    gateway's own replies, count for none.
    """

    def __init__(
        self, settings: Live[LiveSettings], isOnline: Callable[[], bool]
    ) -> None:
        """@param isOnline: Tells whether messages can be sent."""
        self._settings = settings
        self._isOnline = isOnline
        self._quota: Quota[Holder] = Quota()
        #: Messages that are accepted, but not stored yet.
        self._storing: set[QueuedMessage] = set()
        self._waiters: Waiters[None] = Waiters()

    @property
    def count(self) -> int:
        """The number of unconfirmed messages, and of those that are being stored."""
        return self._quota.count

    @property
    def size(self) -> int:
        """The bytes of these messages."""
        return self._quota.size

    def reset(self, usage: Iterable[OutboxUsage]) -> None:
        """
        Count the messages in the store anew.

        @param usage: The queued messages; those that are being stored are not among
            them.
        """
        self._quota = Quota()
        for each in usage:
            self._quota.add(_holdersOf(each.sender, each.token), each.size, each.count)
        for message in self._storing:
            self._quota.add(_holdersOf(message.sender, message.token), message.size)

    def reserve(self, message: QueuedMessage, age: float) -> None:
        """
        Count one more message, which is about to be stored.

        @param age: Seconds that the oldest unconfirmed message has waited.
        @raise Refusal: 503 if a limit is reached.
        """
        settings = self._settings.value
        if age > settings.outboxAge:
            raise _refused(
                f"{self.count} messages wait for the XMPP server already, the oldest"
                " for too long; try again."
            )
        holders = _holdersOf(message.sender, message.token)
        limits = Limits(settings.outboxLimit, settings.outboxSize)
        excess = self._quota.excess(limits, holders, message.size)
        if excess is not None:
            raise _refused(_describe(excess))
        self._quota.add(holders, message.size)
        self._storing.add(message)

    def stored(self, messages: Iterable[QueuedMessage]) -> None:
        """Keep counting messages: they are stored."""
        self._storing.difference_update(messages)

    def release(self, messages: Iterable[QueuedMessage]) -> None:
        """Stop counting messages: they are not stored, or no longer wait."""
        for message in messages:
            self._storing.discard(message)
            self._quota.remove(_holdersOf(message.sender, message.token), message.size)
        self.releaseWaiters()

    def whenBelowHighWater(self) -> Deferred[None]:
        """
        Wait until fewer than L{HIGH_WATER} messages are unconfirmed.

        @return: Fires then, or when the stream is lost: nobody can tell then how long
            the wait would be.
        """
        return succeed(None) if self._hasRoom else self._waiters.wait()

    def releaseWaiters(self) -> None:
        """Fire the Deferreds of L{whenBelowHighWater} if its condition holds."""
        if self._hasRoom:
            self._waiters.release(None)

    @property
    def _hasRoom(self) -> bool:
        return self.count < HIGH_WATER or not self._isOnline()


@lru_cache(maxsize=1024)
def _holdersOf(sender: str, token: str) -> tuple[Holder, ...]:
    """Return the parties that a message of a sender and a token counts for."""
    if not token:
        return ()
    bare = sender.partition("/")[0]
    return (
        Holder("token", token),
        Holder("sender", bare),
        Holder("domain", bare.rpartition("@")[2]),
    )


def _describe(excess: Excess[Holder]) -> str:
    """Say in a sentence why a message is refused."""
    setting = "outbox-limit" if excess.unit == "messages" else "outbox-size"
    used = (
        f"{excess.used} messages wait"
        if excess.unit == "messages"
        else f"Messages of {excess.used} bytes wait"
    )
    if excess.holder is None:
        return (
            f"{used} for the XMPP server already, of at most {excess.limit}"
            f" ({setting}); try again."
        )
    return (
        f"{used} for the XMPP server already from {excess.holder}, which would then"
        f" occupy more than is still free of {excess.limit} ({setting}); try again, or"
        f" raise {setting}."
    )


def _refused(text: str) -> Refusal:
    return serviceUnavailable("resource-constraint", text, RETRY_AFTER)
