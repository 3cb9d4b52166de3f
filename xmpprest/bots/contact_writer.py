"""Stores changed contacts, many in one commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..concurrency import timers
from ..concurrency.waiters import Waiters
from ..core.bots.contact import ContactRecord
from ..core.errors import REPORT_BUG
from ..core.records import StoreUnavailable
from .interfaces import BotStore

_log = Logger()

#: Contacts in one commit.
BATCH = 500
#: Seconds until a commit that has failed is repeated.
RETRY_DELAY = 1.0


@dataclass(slots=True)
class _Change:
    """
    A contact that is not stored yet.

    @ivar record: Its last state.
    @ivar then: Functions to call once it is stored, in this order.
    @ivar waiters: Callers that wait for the next commit, or its failure.
    """

    record: ContactRecord
    then: list[Callable[[], None]] = field(default_factory=list)
    waiters: list[Deferred[None]] = field(default_factory=list)


class ContactWriter:
    """
    Stores contacts. While one commit runs, the changes for the next one gather; of a
    contact that changes often only the last state is written.
    """

    def __init__(self, store: BotStore, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._changes: dict[tuple[str, str], _Change] = {}
        #: The changes of the commit that runs.
        self._batch: dict[tuple[str, str], _Change] = {}
        self._isWriting = False
        self._isTold = False
        self._retry: IDelayedCall | None = None
        self._idle: Waiters[None] = Waiters()

    def save(self, record: ContactRecord, then: Callable[[], None]) -> None:
        """
        Store a contact, however long the store cannot.

        @param then: Called once it is stored.
        """
        self._add(record).then.append(then)
        self._write()

    def saveNow(
        self, record: ContactRecord, then: Callable[[], None]
    ) -> Deferred[None]:
        """
        Store a contact for a caller that waits.

        @param then: Called once it is stored, also if that takes several attempts.
        @return: Fires then; fails with L{StoreUnavailable} if the next commit fails.
        """
        change = self._add(record)
        change.then.append(then)
        waiter: Deferred[None] = Deferred()
        change.waiters.append(waiter)
        self._write()
        return waiter

    def forget(self, bot: str) -> None:
        """Drop the changes for a bot that is deleted; nothing is sent of them."""
        for changes in (self._changes, self._batch):
            for key in [each for each in changes if each[0] == bot]:
                _succeed(changes.pop(key))

    def stop(self) -> Deferred[None]:
        """
        Attempt no more commits.

        @return: Fires once no commit is under way.
        """
        timers.cancel(self._retry)
        idle = self._idle.wait()
        if not self._isWriting:
            self._idle.release(None)
        return idle

    def _add(self, record: ContactRecord) -> _Change:
        key = (record.bot, record.contact.jid)
        change = self._changes.setdefault(key, _Change(record))
        change.record = record
        return change

    def _write(self) -> None:
        isWaiting = self._retry is not None and self._retry.active()
        if self._isWriting or isWaiting or not self._changes:
            return
        keys = [*islice(self._changes, BATCH)]
        batch = self._batch = {key: self._changes.pop(key) for key in keys}
        self._isWriting = True
        saving = self._store.saveContacts([each.record for each in batch.values()])
        saving.addCallbacks(self._written, self._failed)
        saving.addErrback(
            lambda reason: _log.failure(
                "Answering contacts crashed. " + REPORT_BUG, failure=reason
            )
        )

    def _written(self, _: None) -> None:
        batch = self._ended()
        if self._isTold:
            self._isTold = False
            _log.info("Contacts of bots are stored again.")
        for change in batch.values():
            for function in change.then:
                function()
            _succeed(change)
        self._write()

    def _failed(self, reason: Failure) -> None:
        """Keep a batch for the next attempt, before changes that came meanwhile."""
        batch = self._ended()
        later, self._changes = self._changes, batch
        for key, change in later.items():
            known = self._changes.setdefault(key, change)
            if known is not change:
                known.record = change.record
                known.then += change.then
                known.waiters += change.waiters
        self._retry = self._clock.callLater(RETRY_DELAY, self._write)
        if not reason.check(StoreUnavailable):
            _log.failure(
                "Storing contacts crashed; it is tried again. " + REPORT_BUG,
                failure=reason,
            )
        elif not self._isTold:
            self._isTold = True
            _log.error(
                "Contacts of bots cannot be stored: {reason}. Until they can, requests"
                " for subscriptions are not answered.",
                reason=reason.value,
            )
        for change in self._changes.values():
            waiters, change.waiters = change.waiters, []
            for waiter in waiters:
                waiter.errback(Failure(StoreUnavailable(str(reason.value))))

    def _ended(self) -> dict[tuple[str, str], _Change]:
        """Return the changes of the commit that has ended."""
        batch, self._batch = self._batch, {}
        self._isWriting = False
        self._idle.release(None)
        return batch


def _succeed(change: _Change) -> None:
    waiters, change.waiters = change.waiters, []
    for waiter in waiters:
        waiter.callback(None)
