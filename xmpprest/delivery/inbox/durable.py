"""Keeps stanzas until the callback has answered (behaviour.md §5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from math import inf

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ...core import rules
from ...core.errors import RESOURCE_CONSTRAINT
from ...core.records import PENDING, Incoming, StoreUnavailable
from ..ids import newWebhookID
from .answers import Answers
from .asking import Asker, Watch
from .conversations import Waiting, keyOf, written
from .deliveries import Deliveries
from .keeping import Keeping, Waits
from .limits import Capacity

_log = Logger()

#: How many stanzas of one conversation may wait, so that one sender leaves room.
CONVERSATION_LIMIT = 10_000
#: How many may be about to be kept.
COMMITTING_LIMIT = 10_000
#: How many conversations, or dead stanzas, are asked of the store at once.
PAGE = 1000
#: Seconds between pages while the conversations of the last still wait.
PAGE_PAUSE = 0.25

#: Seconds for which the log says no more of it, once it has said that stanzas cannot be
#: kept. When they can is for the store to say.
QUIET = 600.0

#: Presence that is kept: what is said once (RFC 6121 §3), not how somebody is.
SUBSCRIPTION = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


def isKept(stanza: Element) -> bool:
    """Whether a stanza is kept for the callback."""
    if stanza.name == "presence":
        return stanza.getAttribute("type") in SUBSCRIPTION
    return bool(stanza.name == "message")


class Durable:
    """
    The way in with a store.
    """

    def __init__(
        self,
        keeping: Keeping,
        asker: Asker,
        answers: Answers,
        watch: Watch,
        unkept: Callable[[Element], None],
    ) -> None:
        """@param unkept: Takes a stanza that cannot be kept at the moment."""
        self._store = keeping.store
        self._now = keeping.now
        self._limit = keeping.limit
        self._answers = answers
        self._unkept = unkept
        self._capacity = Capacity(
            keeping.limit,
            "{limit} stanzas wait for the callback; until it catches up, others are"
            " refused.",
        )
        self._committing = Capacity(
            COMMITTING_LIMIT,
            "The store is too slow: {limit} stanzas are about to be kept; until it"
            " catches up, others are refused.",
        )
        self._waits = Waits(keeping.clock)
        self._deliveries = Deliveries(keeping, asker, answers, watch, self._waits)
        self._finding: Deferred[None] | None = None
        #: How many calls of the store are under way that are no delivery's.
        self._calls = 0
        self._ending: Deferred[None] | None = None
        self._quietUntil = -inf

    @property
    def waiting(self) -> int:
        """How many stanzas are to be delivered."""
        return self._deliveries.waiting

    # --- beginning and ending ---

    def begin(self) -> None:
        """Deliver what there is."""
        self._waits.begin()
        self._deliveries.begin()
        self._finding = Deferred.fromCoroutine(self._find())
        self._finding.addErrback(self._notFound)

    async def end(self) -> None:
        """
        Deliver nothing more. What is under way is as if it had not been tried; what
        was answered is recorded, and what is being kept is kept: that is waited for.
        """
        turns = self._deliveries.turns.end()
        self._waits.end()
        if self._finding is not None:
            await self._finding
        await turns
        if self._calls:
            self._ending = Deferred()
            await self._ending

    async def _find(self) -> None:
        """Find what an earlier process has left."""
        insist, deliveries = self._waits.insist, self._deliveries
        depth = await insist(partial(self._store.incomingDepth, PENDING))
        # All that was kept before we asked, by whomever.
        deliveries.waiting = depth.count
        page: Sequence[str] = [""]
        while page:
            page = await insist(partial(self._store.conversations, page[-1], PAGE))
            for key in page:
                deliveries.found(key)
            while deliveries.turns.ready > PAGE:
                await self._waits.sleep(PAGE_PAUSE)
        deliveries.isComplete = True

    def _notFound(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            _log.failure("Not all that was kept could be found.", failure=reason)

    def _called(self) -> None:
        """A call has come back."""
        self._calls -= 1
        if self._ending is not None and not self._calls:
            ending, self._ending = self._ending, None
            ending.callback(None)

    # --- receiving ---

    def receive(self, stanza: Element) -> None:
        """Keep a stanza, and deliver it then; or tell its sender that it is not."""
        key = keyOf(stanza)
        if not self._hasRoomFor(key):
            self._answers.refuse(stanza)
            return
        xml, now = written(stanza), self._now()
        waiting = Waiting(0, newWebhookID(), stanza, len(xml), now, now)
        self._calls += 1
        keeping = self._store.receive(waiting.webhookID, key, xml, now)
        keeping.addCallbacks(
            self._kept, self._notKept, (key, waiting), {}, (key, stanza)
        ).addErrback(
            lambda reason: _log.failure("A stanza was not dealt with.", failure=reason)
        )

    def _hasRoomFor(self, key: str) -> bool:
        return (
            self._capacity.isFor(self.waiting + self._calls)
            and self._committing.isFor(self._calls)
            and self._deliveries.waitingOf(key) < CONVERSATION_LIMIT
        )

    def _kept(self, number: int, key: str, waiting: Waiting) -> None:
        waiting.number = number
        self._deliveries.add(key, waiting)
        self._called()

    def _notKept(self, reason: Failure, key: str, stanza: Element) -> None:
        if not reason.check(StoreUnavailable):
            _log.failure("A stanza could not be kept.", failure=reason)
        elif self._now() >= self._quietUntil:
            self._quietUntil = self._now() + QUIET
            _log.error(
                "Messages for the callback cannot be kept ({reason}): until they can,"
                " each is delivered at once, or bounced.",
                reason=reason.value,
            )
        # It must not overtake those that are kept, but for one that nobody could be
        # told of: better out of order than lost.
        isTold = bool(rules.bounce(stanza, RESOURCE_CONSTRAINT))
        if self._deliveries.waits(key) and isTold:
            self._answers.refuse(stanza)
        else:
            self._unkept(stanza)
        self._called()

    # --- delivering again ---

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[Incoming]:
        """See L{Inbox.redeliver<xmpprest.delivery.inbox.inbox.Inbox.redeliver>}."""
        again: Deferred[Sequence[Incoming]] = Deferred()
        reviving = Deferred.fromCoroutine(self._revive(webhookIDs, since, until))
        # Who waits may leave; what is pending must be known here all the same.
        reviving.chainDeferred(again)
        return await again

    async def _revive(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[Incoming]:
        again: list[Incoming] = []
        seen: set[int] = set()
        self._calls += 1
        try:
            while (limit := min(PAGE, self._limit - self.waiting)) > 0:
                page = await self._store.redeliver(
                    webhookIDs, since, until, self._now(), limit
                )
                self._deliveries.revive(page)
                new = [each for each in page if each.number not in seen]
                seen.update(each.number for each in new)
                again += [replace(each, stanza="") for each in new]
                # The others have been given up again meanwhile, and would be for ever.
                if not new or len(page) < limit:
                    break
        finally:
            self._called()
        return again
