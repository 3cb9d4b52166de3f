"""Takes messages into the outbox: those of one reactor turn are stored by one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import cast

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core.errors import REPORT_BUG, Refusal, serviceUnavailable
from ..core.records import IdempotencyRecord, StoreUnavailable
from ..core.stanza.annotate import withOriginID
from ..core.stanza.serializer import toXML
from ..ids import newID
from .backlog import QueuedMessage, Stored
from .capacity import OutboxCapacity
from .interfaces import OutboundStream, OutboxStore
from .sender import OutboxSender

_log = Logger()

#: The most messages that are stored by one call, unless they belong together.
GROUP = 256


class Intake:
    """
    Accepts messages, and has them stored.

    @ivar sender: Sends the messages that are stored.
    """

    def __init__(
        self,
        store: OutboxStore,
        stream: OutboundStream,
        capacity: OutboxCapacity,
        sender: OutboxSender,
        *,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        """@param now: Returns seconds since 1970."""
        self.sender = sender
        self._store = store
        self._stream = stream
        self._capacity = capacity
        self._clock = clock
        self._now = now
        #: The messages of this reactor turn, which are stored together.
        self._group: list[QueuedMessage] = []
        self._timer: IDelayedCall | None = None

    def enqueue(
        self,
        stanza: Element,
        done: Stored,
        *,
        key: str = "",
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """
        Accept a message, to be stored at the end of the reactor turn and then sent.

        @param stanza: Complete, as
            L{xmpprest.core.policy.submission.buildSubmission} makes it.
        @param done: Called once it is stored, or is not. It must not raise.
        @param key: The last segment of its status address; empty for a new one.
        @param token: The name of the token that posted it; empty for credentials, and
            for the gateway's own replies.
        @param idempotency: Stored together with it, or not at all.
        @raise Refusal: 503 if it was not accepted; 413 if it is too long.
        """
        message = self._message(stanza, done, key, token, idempotency)
        oldest = self.sender.oldest
        self._capacity.reserve(message, message.at - oldest.at if oldest else 0.0)
        if not self._group:
            self._timer = self._clock.callLater(0, self.flush)
        self._group.append(message)
        if len(self._group) >= GROUP:
            self.flush()

    def enqueueAll(
        self,
        stanzas: Sequence[Element],
        done: Callable[[Sequence[int | IdempotencyRecord | Exception]], object],
        *,
        keys: Sequence[str],
        token: str = "",
        idempotency: IdempotencyRecord | None = None,
    ) -> None:
        """
        Accept messages that are stored all together, or none of them.

        @param done: Called with the result of each, in their order: all are stored, or
            none is. It must not raise.
        @param keys: The last segment of the status address of each.
        @param idempotency: Stored together with them, or not at all.
        @raise Refusal: 503 if they were not accepted; 413 if one is too long.
        """
        results: list[int | IdempotencyRecord | Exception] = []

        def stored(result: int | IdempotencyRecord | Exception) -> None:
            results.append(result)
            if len(results) == len(stanzas):
                done(results)

        messages = [
            self._message(stanza, stored, key, token, None)
            for stanza, key in zip(stanzas, keys, strict=True)
        ]
        messages[0].idempotency = idempotency
        for each in messages[1:]:
            each.follows = True
        self._reserveAll(messages)
        if self._group:
            self.flush()
        self._group = messages
        self.flush()

    def check(self, stanza: Element, token: str, count: int, size: int) -> None:
        """
        Check that a message and further ones to its recipient would be accepted now.

        @param count: The number of further messages.
        @param size: The bytes of each of these.
        @raise Refusal: 503, they would not be; 413, the message is too long.
        """
        first = self._message(stanza, _ignore, "-", token, None)
        messages = [first, *(replace(first, size=size) for _ in range(count))]
        self._reserveAll(messages)
        self._capacity.release(messages)

    def _reserveAll(self, messages: Sequence[QueuedMessage]) -> None:
        """Count all of the messages, or none of them."""
        oldest = self.sender.oldest
        age = messages[0].at - oldest.at if oldest else 0.0
        for index, message in enumerate(messages):
            try:
                self._capacity.reserve(message, age)
            except Refusal:
                self._capacity.release(messages[:index])
                raise

    def _message(
        self,
        stanza: Element,
        done: Stored,
        key: str,
        token: str,
        idempotency: IdempotencyRecord | None,
    ) -> QueuedMessage:
        """
        Make the message of a stanza.

        @raise Refusal: 413 if it is too long; the room does not take it.
        """
        self.sender.rooms.check(stanza.attributes["to"], stanza.attributes["from"])
        xml = withOriginID(stanza, toXML(stanza))
        data = self._stream.encode(xml)
        attributes = stanza.attributes
        return QueuedMessage(
            attributes["id"],
            attributes["to"],
            xml,
            self._now(),
            idempotency,
            attributes["from"],
            key or newID(),
            token,
            len(data),
            data,
            done,
        )

    def flush(self) -> None:
        """Store all messages so far by one call."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        group, self._group = self._group, []
        if not group:
            return
        storing = self._store.addAllOutgoing(group)
        storing.addCallbacks(self._stored, self._notStored, (group,), {}, (group,))
        storing.addErrback(_crashed)

    def _stored(
        self,
        results: Sequence[int | IdempotencyRecord | Refusal],
        group: Sequence[QueuedMessage],
    ) -> None:
        """
        Tell those who wait, and send the messages that were stored.

        @param results: For each message its number, the record with the same
            idempotency key, or the refusal of the key.
        """
        new: list[QueuedMessage] = []
        for message, result in zip(group, results, strict=True):
            if isinstance(result, int):
                message.number = result
                new.append(message)
            else:
                self._capacity.release([message])
        self._capacity.stored(new)
        try:
            _tell(group, results)
        finally:
            self.sender.add(new)

    def _notStored(self, reason: Failure, group: Sequence[QueuedMessage]) -> None:
        """Refuse the messages, because the store cannot be used."""
        self._capacity.release(group)
        error = cast(Exception, reason.value)
        if isinstance(error, StoreUnavailable):
            error = serviceUnavailable(
                "resource-constraint",
                f"The message cannot be stored, and so it was not accepted: {error}.",
                retryAfter=5,
            )
        _tell(group, [error] * len(group))


def _tell(
    group: Sequence[QueuedMessage],
    results: Sequence[int | IdempotencyRecord | Exception],
) -> None:
    """Call those who wait for messages to be stored."""
    for message, result in zip(group, results, strict=True):
        done, message.done = message.done, None
        if done is not None:
            done(result)


def _ignore(result: object) -> None:
    """Ignore the result of a message that is only checked."""


def _crashed(reason: Failure) -> None:
    _log.failure("Sending stored messages crashed. " + REPORT_BUG, failure=reason)
