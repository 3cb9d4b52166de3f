"""Commits inbound stanzas to the store, within the limits."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeVarTuple

from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency.waiters import Waiters
from ..core.errors import REPORT_BUG
from ..core.records import StoreUnavailable
from .capacity import Capacity
from .options import InboxOptions
from .store_access import InboxStore

_log = Logger()
_Ts = TypeVarTuple("_Ts")

#: Seconds between two log lines about stanzas that the store cannot commit.
LOG_INTERVAL = 600.0


class InboundCommits:
    """
    The stanzas of one callback that are being committed.

    @ivar stored: The stored stanzas, those being committed included.
    @ivar committing: The stanzas being committed.
    """

    def __init__(
        self,
        store: InboxStore | None,
        options: InboxOptions,
        *,
        fallback: str,
    ) -> None:
        """
        @param store: C{None} if no stanza is committed.
        @param fallback: What becomes of a stanza that cannot be committed, for the end
            of a sentence in the log: "each …".
        """
        self._store = store
        self._steady = options.steady
        self._fallback = fallback
        limits, settings = options.limits, options.settings
        self.stored = Capacity(
            lambda: (settings.value.inboxLimit, settings.value.inboxSize),
            "stored stanzas",
            hasSettings=True,
        )
        self.committing = Capacity(
            lambda: (limits.committingCount, limits.committingSize),
            "stanzas being committed",
            isShared=False,
        )
        self._allEnded: Waiters[None] = Waiters()
        self._quietUntil = -inf

    def admit(self, key: str, size: int) -> bool:
        """
        Check the limits; count a stanza if they allow it.

        @param key: Name of its conversation.
        @param size: In bytes of XML.
        """
        if not self.committing.admit(key, size):
            return False
        isAdmitted = self.stored.admit(key, size)
        if not isAdmitted:
            self.committing.remove(key, size)
        return isAdmitted

    def commit(
        self,
        webhookID: str,
        key: str,
        xml: str,
        at: float,
        *args: *_Ts,
        size: int,
        committed: Callable[[int, *_Ts], None],
        failed: Callable[[*_Ts], None],
    ) -> None:
        """
        Commit a stanza that was admitted.

        @param at: When it arrived, in seconds since 1970.
        @param size: In bytes of XML.
        @param committed: Called with its number in the store, and C{args}.
        @param failed: Called if it could not be committed, with C{args}; it is not
            counted as stored any more.
        """
        assert self._store is not None
        committing = self._store.addIncoming(webhookID, key, xml, at)
        committing.addCallbacks(
            committed, self._failed, args, {}, (key, size, failed, *args)
        )
        committing.addBoth(self._ended, key, size)
        committing.addErrback(_notQueued)

    def _failed(
        self,
        reason: Failure,
        key: str,
        size: int,
        failed: Callable[[*_Ts], None],
        *args: *_Ts,
    ) -> None:
        self._tell(reason)
        self.stored.remove(key, size)
        failed(*args)

    def _ended(self, result: Failure | None, key: str, size: int) -> Failure | None:
        self.committing.remove(key, size)
        if self._allEnded and not self.committing.count:
            self._allEnded.release(None)
        return result

    def _tell(self, reason: Failure) -> None:
        """Log a failure, unless the store was unavailable a short time ago, too."""
        now = self._steady()
        if not reason.check(StoreUnavailable):
            _log.failure(
                "Storing a stanza crashed; it {fallback}. " + REPORT_BUG,
                failure=reason,
                fallback=self._fallback,
            )
        elif now >= self._quietUntil:
            self._quietUntil = now + LOG_INTERVAL
            _log.error(
                "Inbound messages cannot be stored: {reason}. Until they can, each"
                " {fallback}.",
                reason=reason.value,
                fallback=self._fallback,
            )

    async def whenAllEnded(self) -> None:
        """Wait until no stanza is being committed."""
        while self.committing.count:
            await self._allEnded.wait()


def _notQueued(reason: Failure) -> None:
    _log.failure(
        "Queuing a stored stanza crashed; a restart delivers it. " + REPORT_BUG,
        failure=reason,
    )
