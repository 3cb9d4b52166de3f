"""
Takes inbound stanzas to one callback, and what it answers back.

With a store, messages and subscriptions are kept until the callback has answered; all
else, and everything without one, is delivered at once or bounced.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.histogram import Histogram
from ..core.policy.callback_response import ReplyPlan, onUnreachable, unhandledReply
from ..core.records import InboxRecord
from ..core.stanza import jid
from ..core.stanza.build import withArticle
from ..core.webhook.conversation_key import DEFAULT, ConversationKeys
from .durable_queue import DurableQueue, isDurable
from .options import DurabilityOptions, Precondition
from .replies import ReplySender
from .transient_queue import QUEUE_LIMIT, TransientQueue
from .webhook_caller import HealthMonitor, Webhook, WebhookCaller

_log = Logger()


class AddressSet(Protocol):
    """Some addresses."""

    def __contains__(self, address: str, /) -> bool:
        """Whether one is among them."""


@dataclass(frozen=True, slots=True)
class StanzaFilter:
    """
    Which stanzas a callback wants.

    @ivar kinds: Of C{message}, C{presence}, C{iq}.
    @ivar events: Forms of C{to}: C{bare} is user@host, C{full} has a resource,
        C{host} is the domain alone.
    @ivar to: Whom for; C{None}, for anybody.
    """

    kinds: frozenset[str]
    events: frozenset[str]
    to: AddressSet | None = None

    def __contains__(self, stanza: Element) -> bool:
        return (
            stanza.name in self.kinds
            and _form(stanza) in self.events
            and (self.to is None or stanza.getAttribute("to", "") in self.to)
        )


def _form(stanza: Element) -> str:
    """The form of the address that a stanza is for."""
    local, _, resource = jid.splitJID(stanza.getAttribute("to", ""))
    if resource is not None:
        return "full"
    return "host" if local is None else "bare"


async def _nothing() -> None:
    """What is done before deliveries, mostly."""


class Inbox(Service):
    """
    The way in to a callback.

    @ivar selection: What it is to get, which is for others to see to; may be replaced.
    """

    def __init__(
        self,
        send: Callable[[Element], None],
        builtin: Callable[[Element], Element | None],
        callback: Webhook | None,
        selection: StanzaFilter,
        limit: int = QUEUE_LIMIT,
        *,
        reply: Callable[[Element], Awaitable[object]] | None = None,
        keeping: DurabilityOptions | None = None,
        name: str = DEFAULT,
        prior: Precondition = _nothing,
    ) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param builtin: The gateway's own answer to an iq, or C{None}.
        @param callback: C{None}, and nobody wants anything.
        @param limit: How many stanzas may wait that are not kept.
        @param reply: Takes the callback's messages, to be sent; raises L{Refusal}.
            C{None}, and they are written to the stream.
        @param keeping: C{None}, and no stanza is kept.
        @param name: The callback's.
        @param prior: Has to be done before anything that is kept is delivered.
        """
        self.keys = ConversationKeys(name)
        self.selection = selection
        self._answers = ReplySender(send, reply, builtin)
        self._asker: WebhookCaller | None = None
        self._volatile: TransientQueue | None = None
        self._durable: DurableQueue | None = None
        self._watch: HealthMonitor | None = None
        if callback is not None:
            now = time.time if keeping is None else keeping.now
            if keeping is not None:
                self._watch = HealthMonitor(now, name)
            asker = self._asker = WebhookCaller(callback, now, self._watch, name)
            # Without others there is nobody to leave turns to.
            connections = limit if keeping is None else keeping.connections
            self._volatile = TransientQueue(asker, self._answers, limit, connections)
            if keeping is not None and self._watch is not None:
                self._durable = DurableQueue(
                    keeping,
                    asker,
                    self._answers,
                    self._watch,
                    unkept=self._unkept,
                    keys=self.keys,
                    prior=prior,
                )
        self._retiring: Deferred[None] | None = None

    @property
    def transientCount(self) -> int:
        """How many stanzas the callback has not yet answered, of those not kept."""
        return 0 if self._volatile is None else self._volatile.waiting

    @property
    def storedCount(self) -> int:
        """The same of those that are kept."""
        return 0 if self._durable is None else self._durable.waiting

    @property
    def attemptLatencies(self) -> Mapping[str, Histogram]:
        """How many seconds each try to deliver took, by its result."""
        return {} if self._asker is None else self._asker.attemptLatencies

    @property
    def isPaused(self) -> bool:
        """Whether the callback is paused: what is kept for it stays."""
        return self._watch is not None and self._watch.health.isPaused

    def startService(self) -> None:
        """Deliver what was kept."""
        super().startService()
        self._retiring = None
        if self._durable is not None:
            self._durable.begin()

    def stopService(self) -> Deferred[None]:
        """
        Give up all that is under way. What is not kept is bounced.

        @return: Fires once the store is no longer used.
        """
        super().stopService()
        retiring = self.drain()
        if self._durable is not None:
            self._durable.abort()
        if self._volatile is not None:
            self._volatile.stop()
        return retiring

    def reconfigure(
        self, callback: Webhook, selection: StanzaFilter, connections: int
    ) -> None:
        """Deliver to another callback from now on, or in another way."""
        assert self._asker is not None
        assert self._volatile is not None
        self._asker.callback = callback
        self.selection = selection
        self._volatile.setConnections(connections)
        if self._durable is not None:
            self._durable.setConnections(connections)

    def drain(self) -> Deferred[None]:
        """
        Deliver nothing more that is kept, but bring to an end what is under way.

        @return: Fires once none of that is, and the store is no longer used.
        """
        if self._durable is None:
            return succeed(None)
        if self._retiring is None:
            self._retiring = Deferred.fromCoroutine(self._durable.drain())
        return self._retiring

    async def whenIdle(self) -> None:
        """Wait until nothing is under way that is not kept."""
        if self._volatile is not None:
            await self._volatile.whenIdle()

    def receive(self, stanza: Element) -> None:
        """
        Deal with an inbound stanza.

        @param stanza: Any stanza that answers no iq of ours.
        """
        isKeeping = self._durable is not None and isDurable(stanza)
        if not self.running and not isKeeping:
            return  # The stream is closing; there is no way back to the sender.
        if not (stanza.getAttribute("from") and stanza.getAttribute("to")):
            # Servers must not send it (XEP-0114 §3), and an answer would have no
            # addresses: ejabberd closes the stream over that.
            _log.warn(
                "Ignored {stanza} without a sender or a recipient.",
                stanza=withArticle(stanza.name),
            )
            return
        if self._volatile is None or stanza not in self.selection:
            verdict = ReplyPlan(unhandledReply(stanza), deferToBuiltin=True)
            self._answers.sendNow(stanza, verdict)
        elif self._durable is not None and isKeeping:
            self._durable.receive(stanza)
        else:
            self._volatile.receive(stanza)

    @property
    def isDurable(self) -> bool:
        """Whether anything is kept for the callback."""
        return self._durable is not None

    @property
    def freeCapacity(self) -> int:
        """How many more may be kept for it."""
        return 0 if self._durable is None else self._durable.room

    def requeue(self, page: Sequence[InboxRecord]) -> None:
        """
        Deliver stanzas that the store has for it, and that it did not know of.
        """
        if self._durable is not None:
            self._durable.requeue(page)

    def _unkept(self, stanza: Element) -> None:
        """A stanza cannot be kept."""
        assert self._volatile is not None
        if self.running:
            self._volatile.receive(stanza)
        else:
            self._answers.sendNow(stanza, onUnreachable(stanza))
