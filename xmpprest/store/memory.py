"""
A store in memory, which is lost when the process ends.

It serves gateways without durability, and tests. Its Deferreds have fired when they are
returned. Its size is limited: at the limit nothing new is stored, and completed records
are dropped, except idempotency keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import replace
from heapq import nlargest, nsmallest
from itertools import count, islice, takewhile
from secrets import randbits
from typing import Concatenate, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, execute, fail, succeed

from ..core.bots.contact import ContactRecord
from ..core.bots.profile import Bot
from ..core.errors import Refusal
from ..core.histogram import CommitMetrics
from ..core.policy.key_quota import KEY_LIMIT, fits, keyOwner, refuseKey
from ..core.policy.permissions import HOOK_PREFIX
from ..core.records import (
    BOUNCED,
    CONFIRMED,
    DEAD,
    DELIVERED,
    PENDING,
    QUEUED,
    SENT,
    DeliveryAttempt,
    IdempotencyRecord,
    InboxRecord,
    NewMessage,
    OutboxRecord,
    OutboxUsage,
    PendingPlace,
    PendingSize,
    QueueDepth,
    StoreUnavailable,
    UpdatesOrigin,
)
from ..core.rooms.values import RoomRecord, SeenMessage

#: Maximum number of waiting messages, of waiting stanzas, and of completed records of
#: each kind.
LIMIT = 10_000
#: Maximum number of idempotency keys that one purge deletes: it blocks the reactor.
PURGED_KEYS = 20_000

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Key = TypeVar("_Key", int, str)


def _call(
    method: Callable[Concatenate[MemoryStore, _P], _T],
) -> Callable[Concatenate[MemoryStore, _P], Deferred[_T]]:
    """
    Wrap a method so that it returns a Deferred, and fails while the store is not open.
    """

    def called(
        self: MemoryStore, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Deferred[_T]:
        if not self.isOpen:
            return fail(StoreUnavailable("the store is closed"))
        return execute(method, self, *args, **kwargs)

    return called


class MemoryStore:
    """
    A L{Store<xmpprest.store.interface.Store>} in memory, whose methods are documented
    there.

    @ivar isOpen: Whether the store accepts calls.
    @ivar commits: Empty metrics, since nothing is committed.
    """

    def __init__(
        self, limit: int = LIMIT, keyLimit: Callable[[], int] = lambda: KEY_LIMIT
    ) -> None:
        """
        @param limit: The maximum number of records of each kind, for tests.
        @param keyLimit: Returns the maximum number of idempotency keys.
        """
        self._keyLimit = keyLimit
        self.isOpen = False
        self.commits = CommitMetrics()
        self._limit = limit
        self._numbering = count(1)
        self._identity = randbits(62)
        #: By number; records in final states in the order of completion.
        self._waiting: dict[int, OutboxRecord] = {}
        self._done: dict[int, OutboxRecord] = {}
        #: The numbers of messages, oldest first, and of each the number.
        self._byID: dict[str, list[int]] = {}
        self._byKey: dict[str, int] = {}
        #: By state and number.
        self._incoming: dict[str, dict[int, InboxRecord]] = {
            state: {} for state in (PENDING, DELIVERED, DEAD)
        }
        #: Pending stanzas, by conversation and number.
        self._conversations: dict[str, dict[int, InboxRecord]] = {}
        self._attempts: dict[int, list[DeliveryAttempt]] = {}
        self._numbers: dict[str, int] = {}
        self._answered: dict[str, IdempotencyRecord] = {}
        #: Bots by address, and contacts by those of the bot and the contact.
        self._bots: dict[str, Bot] = {}
        self._contacts: dict[tuple[str, str], ContactRecord] = {}
        #: By room and sender; seen messages also by number.
        self._rooms: dict[tuple[str, str], RoomRecord] = {}
        self._seen: dict[tuple[str, str], dict[int, SeenMessage]] = {}
        #: The number of idempotency keys, by the token that they belong to.
        self._keysByOwner: Counter[str] = Counter()

    def open(self) -> Deferred[None]:
        self.isOpen = True
        return succeed(None)

    def close(self) -> Deferred[None]:
        self.isOpen = False
        return succeed(None)

    @_call
    def check(self) -> None:
        """Succeed, since memory is always writable."""

    # bots

    @_call
    def bots(self) -> Sequence[Bot]:
        return [self._bots[jid] for jid in sorted(self._bots)]

    @_call
    def saveBot(self, bot: Bot) -> None:
        self._bots[bot.jid] = bot

    @_call
    def deleteBot(self, jid: str) -> None:
        self._bots.pop(jid, None)
        for key in [each for each in self._contacts if each[0] == jid]:
            del self._contacts[key]

    @_call
    def contacts(self, bot: str, after: str, limit: int) -> Sequence[ContactRecord]:
        keys = nsmallest(limit, (key for key in self._contacts if key > (bot, after)))
        return [self._contacts[key] for key in keys]

    @_call
    def saveContacts(self, contacts: Sequence[ContactRecord]) -> None:
        for record in contacts:
            key = (record.bot, record.contact.jid)
            self._contacts.pop(key, None)
            if record.contact.isStored:
                self._contacts[key] = record

    # outbox

    @_call
    def addAllOutgoing(
        self, messages: Sequence[NewMessage]
    ) -> Sequence[int | IdempotencyRecord | Refusal]:
        self._requireRoom(range(len(self._waiting) + len(messages) - 1))
        results: list[int | IdempotencyRecord | Refusal] = []
        for each in messages:
            isDropped = each.follows and not isinstance(results[-1], int)
            results.append(results[-1] if isDropped else self._addOutgoing(each))
        return results

    def _addOutgoing(self, message: NewMessage) -> int | IdempotencyRecord | Refusal:
        known = message.idempotency
        if known is not None and known.key in self._answered:
            return self._answered[known.key]
        self._requireRoom(self._waiting)
        if known is not None and (refusal := self._begin(known)) is not None:
            return refusal
        number = next(self._numbering)
        self._waiting[number] = OutboxRecord(
            number,
            message.id,
            message.to,
            message.stanza,
            QUEUED,
            message.at,
            message.at,
            sender=message.sender,
            key=message.key,
            token=message.token,
            size=message.size,
        )
        self._byID.setdefault(message.id, []).append(number)
        if message.key:
            self._byKey[message.key] = number
        return number

    @_call
    def queuedMessages(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        return [self._waiting[each] for each in _first(self._waiting, after, limit)]

    @_call
    def updateStates(
        self, numbers: Sequence[int], state: str, at: float, error: str | None = None
    ) -> None:
        for number in numbers:
            old = self._waiting.pop(number, None)
            if old is None and state == BOUNCED:
                old = self._done.get(number)
            if old is None or old.state == BOUNCED:
                continue
            self._done.pop(number, None)
            self._done[number] = replace(
                old, state=state, changedAt=at, error=error, stanza=""
            )
            while len(self._done) > self._limit:
                self._forgetOutgoing(next(iter(self._done)))

    @_call
    def confirmReflected(self, number: int, stanzaID: str, at: float) -> None:
        old = self._waiting.pop(number, None) or self._done.get(number)
        if old is None or old.state not in (QUEUED, SENT):
            return
        self._done.pop(number, None)
        self._done[number] = replace(
            old, state=CONFIRMED, changedAt=at, stanza="", stanzaID=stanzaID
        )
        while len(self._done) > self._limit:
            self._forgetOutgoing(next(iter(self._done)))

    @_call
    def outgoingByKey(self, key: str) -> OutboxRecord | None:
        return self._outgoing(self._byKey.get(key, 0))

    @_call
    def outgoingByID(
        self, id: str, before: int | None = None, limit: int = 100
    ) -> Sequence[OutboxRecord]:
        numbers = (
            number
            for number in reversed(self._byID.get(id, []))
            if before is None or number < before
        )
        found = map(self._outgoing, islice(numbers, limit))
        return [replace(each, stanza="") for each in found if each is not None]

    @_call
    def outgoingByToken(self, token: str, limit: int) -> Sequence[OutboxRecord]:
        if not token.startswith(HOOK_PREFIX):
            return []
        found = [
            each
            for each in (*self._waiting.values(), *self._done.values())
            if each.token == token
        ]
        newest = nlargest(limit, found, key=lambda each: each.number)
        return [replace(each, stanza="") for each in newest]

    @_call
    def listQueued(self, after: int, limit: int) -> Sequence[OutboxRecord]:
        return [
            replace(self._waiting[each], stanza="")
            for each in _first(self._waiting, after, limit)
        ]

    @_call
    def outgoingUsage(self) -> Sequence[OutboxUsage]:
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for each in self._waiting.values():
            count, size = sums.get((each.sender, each.token), (0, 0))
            sums[each.sender, each.token] = count + 1, size + each.size
        return [OutboxUsage(*of, *summed) for of, summed in sums.items()]

    def _outgoing(self, number: int) -> OutboxRecord | None:
        return self._waiting.get(number) or self._done.get(number)

    # inbox

    @_call
    def addIncoming(
        self, webhookID: str, conversation: str, stanza: str, at: float
    ) -> int:
        self._requireRoom(self._incoming[PENDING])
        number = next(self._numbering)
        self._keep(
            InboxRecord(
                number, webhookID, conversation, stanza, PENDING, at, 0, at, number
            )
        )
        self._numbers[webhookID] = number
        self._attempts[number] = []
        return number

    @_call
    def conversations(self, after: str, limit: int) -> Sequence[str]:
        return _first(self._conversations, after, limit)

    @_call
    def pending(
        self, conversation: str, after: int, limit: int
    ) -> Sequence[InboxRecord]:
        found = self._conversations.get(conversation, {})
        return [found[number] for number in _first(found, after, limit)]

    @_call
    def pendingSizes(
        self, after: str, before: int | None, limit: int
    ) -> Sequence[PendingSize]:
        found: list[PendingSize] = []
        for key in sorted(each for each in self._conversations if each > after):
            sizes = [
                len(each.stanza.encode())
                for number, each in self._conversations[key].items()
                if before is None or number < before
            ]
            if sizes and len(found) < limit:
                found.append(PendingSize(key, len(sizes), sum(sizes)))
        return found

    @_call
    def reassign(self, numbers: Sequence[int], conversation: str) -> Sequence[int]:
        positions = [next(self._numbering) for _ in numbers]
        for number, position in zip(numbers, positions, strict=True):
            if (old := self._incoming[PENDING].get(number)) is not None:
                self._drop(old)
                moved = replace(old, conversation=conversation, position=position)
                self._keep(moved)
        return positions

    @_call
    def updatesOrigin(self) -> UpdatesOrigin:
        # A number that no stanza gets; all later ones are higher.
        return UpdatesOrigin(self._identity, next(self._numbering))

    @_call
    def pendingPlaces(
        self, conversation: str, number: int, limit: int
    ) -> Sequence[PendingPlace]:
        places = (
            PendingPlace(
                each.number,
                each.position,
                each.conversation,
                len(each.stanza.encode()),
                max(each.receivedAt, each.dueAt),
            )
            for each in self._incoming[PENDING].values()
            if (each.conversation, each.number) > (conversation, number)
        )
        return nsmallest(limit, places, key=lambda e: (e.conversation, e.number))

    @_call
    def pendingStanzas(
        self, numbers: Sequence[int], size: int
    ) -> Sequence[InboxRecord]:
        found: list[InboxRecord] = []
        for number in numbers:
            if (record := self._incoming[PENDING].get(number)) is not None:
                size -= len(record.stanza)
                if found and size < 0:
                    break
                found.append(record)
        return found

    @_call
    def recordAttempt(
        self, number: int, attempt: DeliveryAttempt, state: str, dueAt: float
    ) -> None:
        if number in self._attempts:
            self._attempts[number].append(attempt)
        if (old := self._incoming[PENDING].get(number)) is None:
            return
        self._drop(old)
        self._keep(
            replace(
                old,
                state=state,
                attempts=old.attempts + 1,
                dueAt=dueAt,
                stanza="" if state == DELIVERED else old.stanza,
            )
        )
        if state != PENDING and len(self._incoming[state]) > self._limit:
            self._forgetIncoming(state, next(iter(self._incoming[state])))

    @_call
    def listIncoming(
        self, state: str, before: int | None, limit: int
    ) -> Sequence[InboxRecord]:
        found = self._incoming[state]
        numbers = (each for each in found if before is None or each < before)
        return [found[number] for number in nlargest(limit, numbers)]

    @_call
    def incomingByID(
        self, webhookID: str
    ) -> tuple[InboxRecord, Sequence[DeliveryAttempt]] | None:
        number = self._numbers.get(webhookID, 0)
        for found in self._incoming.values():
            if number in found:
                return found[number], list(self._attempts[number])
        return None

    @_call
    def requeueDead(
        self,
        webhookIDs: Sequence[str] | None,
        since: float,
        until: float,
        at: float,
        limit: int,
    ) -> Sequence[InboxRecord]:
        chosen = None if webhookIDs is None else set(webhookIDs)
        numbers = (
            each.number
            for each in self._incoming[DEAD].values()
            if (chosen is None or each.webhookID in chosen)
            and since <= each.receivedAt < until
        )
        room = self._limit - len(self._incoming[PENDING])
        again = []
        for number in nsmallest(min(limit, room), numbers):
            dead = self._drop(self._incoming[DEAD][number])
            position = next(self._numbering)
            again.append(
                replace(dead, state=PENDING, attempts=0, dueAt=at, position=position)
            )
            self._keep(again[-1])
        return again

    @_call
    def incomingDepth(self, state: str) -> QueueDepth:
        found = self._incoming[state]
        return QueueDepth(len(found), found[min(found)].receivedAt if found else None)

    # rooms

    @_call
    def rooms(self) -> Sequence[RoomRecord]:
        return [*self._rooms.values()]

    @_call
    def saveRoom(self, record: RoomRecord) -> None:
        self._rooms[record.room, record.sender] = record

    @_call
    def deleteRoom(self, room: str, sender: str) -> None:
        self._rooms.pop((room, sender), None)
        self._seen.pop((room, sender), None)

    @_call
    def addSeen(self, message: SeenMessage) -> None:
        seen = self._seen.setdefault((message.room, message.sender), {})
        seen[message.number] = message

    @_call
    def seenMessages(self, room: str, sender: str) -> Sequence[SeenMessage]:
        return [*self._seen.get((room, sender), {}).values()]

    @_call
    def trimSeen(self, room: str, sender: str, before: int) -> None:
        seen = self._seen.get((room, sender), {})
        for number in [each for each in seen if each < before]:
            del seen[number]

    # idempotency

    @_call
    def beginRequest(self, request: IdempotencyRecord) -> IdempotencyRecord | None:
        if (earlier := self._begin(request)) is not None and isinstance(
            earlier, Refusal
        ):
            raise earlier
        return earlier

    @_call
    def finishRequest(self, key: str, answer: bytes | None) -> None:
        if answer is None:
            self._forgetKeys([key] if key in self._answered else ())
        elif key in self._answered:
            self._answered[key] = replace(self._answered[key], answer=answer)

    @_call
    def requestByKey(self, key: str) -> IdempotencyRecord | None:
        return self._answered.get(key)

    @_call
    def keyCount(self) -> int:
        return len(self._answered)

    @_call
    def failInterruptedRequests(self, answer: bytes) -> None:
        for key, request in self._answered.items():
            if request.answer is None:
                self._answered[key] = replace(request, answer=answer)

    # housekeeping

    @_call
    def purge(
        self, done: float, dead: float, answered: float, records: int | None = None
    ) -> None:
        for message in [e for e in self._done.values() if e.changedAt < done]:
            self._forgetOutgoing(message.number)
        for state, before in ((DELIVERED, done), (DEAD, dead)):
            for number in list(self._incoming[state]):
                if self._attempts[number][-1].at < before:
                    self._forgetIncoming(state, number)
        # The keys are in the order of their times, unless the clock was set back.
        old = takewhile(lambda each: each.at < answered, self._answered.values())
        self._forgetKeys([each.key for each in islice(old, PURGED_KEYS)])
        self._limitRecords(records)

    @property
    def _recordCount(self) -> int:
        delivered = self._incoming[DELIVERED]
        return len(self._done) + len(delivered) + len(self._answered)

    def _limitRecords(self, limit: int | None) -> None:
        delivered = self._incoming[DELIVERED]
        while limit is not None and self._recordCount > limit:
            number = next(iter(delivered), None)
            sent = next(iter(self._done.values()), None)
            if number is None and sent is None:
                return
            if number is None or (
                sent and sent.changedAt <= self._attempts[number][-1].at
            ):
                assert sent is not None
                self._forgetOutgoing(sent.number)
            else:
                self._forgetIncoming(DELIVERED, number)

    def _begin(self, request: IdempotencyRecord) -> IdempotencyRecord | Refusal | None:
        if request.key in self._answered:
            return self._answered[request.key]
        owner, limit = keyOwner(request.key), self._keyLimit()
        if not fits(len(self._answered), self._keysByOwner[owner], owner, limit):
            return refuseKey(request.key, limit)
        self._answered[request.key] = request
        self._keysByOwner[owner] += 1
        return None

    def _forgetKeys(self, keys: Iterable[str]) -> None:
        for key in keys:
            del self._answered[key]
            owner = keyOwner(key)
            self._keysByOwner[owner] -= 1
            if not self._keysByOwner[owner]:
                del self._keysByOwner[owner]

    def _forgetOutgoing(self, number: int) -> None:
        message = self._done.pop(number)
        self._byKey.pop(message.key, None)
        self._byID[message.id].remove(number)
        if not self._byID[message.id]:
            del self._byID[message.id]

    def _keep(self, stanza: InboxRecord) -> None:
        """Add a stanza to the index of its state."""
        self._incoming[stanza.state][stanza.number] = stanza
        if stanza.state == PENDING:
            found = self._conversations.setdefault(stanza.conversation, {})
            found[stanza.number] = stanza

    def _drop(self, stanza: InboxRecord) -> InboxRecord:
        """Remove a stanza from the index of its state, and return it."""
        del self._incoming[stanza.state][stanza.number]
        if stanza.state == PENDING:
            found = self._conversations[stanza.conversation]
            del found[stanza.number]
            if not found:
                del self._conversations[stanza.conversation]
        return stanza

    def _forgetIncoming(self, state: str, number: int) -> None:
        stanza = self._incoming[state].pop(number)
        del self._attempts[number], self._numbers[stanza.webhookID]

    def _requireRoom(self, waiting: Sized) -> None:
        if len(waiting) >= self._limit:
            raise StoreUnavailable("too much is waiting")


def _first(keys: Iterable[_Key], after: _Key, limit: int) -> Sequence[_Key]:
    """Return the first keys after a key, in their order."""
    return nsmallest(limit, (each for each in keys if each > after))
