"""
Takes inbound stanzas to the callback, and what it answers back.

With a store, messages and subscriptions are kept until the callback has answered; all
else, and everything without one, is delivered at once or bounced.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ...core import jid, rules
from ...core.errors import Problem, Refusal
from ...core.records import Incoming
from ...core.rules import Verdict
from .answers import Answers
from .asking import Asker, Callback, Watch
from .durable import Durable, isKept
from .keeping import Keeping
from .volatile import QUEUE_LIMIT, Volatile

_log = Logger()


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Which stanzas a callback wants.

    @ivar kinds: Of C{message}, C{presence}, C{iq}.
    @ivar events: Forms of C{to}: C{bare} is user@host, C{full} has a resource,
        C{host} is the domain alone.
    """

    kinds: frozenset[str]
    events: frozenset[str]

    def __contains__(self, stanza: Element) -> bool:
        return stanza.name in self.kinds and _form(stanza) in self.events


def _form(stanza: Element) -> str:
    """The form of the address that a stanza is for."""
    local, _, resource = jid.split(stanza.getAttribute("to", ""))
    if resource is not None:
        return "full"
    return "host" if local is None else "bare"


class Inbox(Service):
    """
    The way in.
    """

    def __init__(
        self,
        send: Callable[[Element], None],
        builtin: Callable[[Element], Element | None],
        callback: Callback | None,
        selection: Selection,
        limit: int = QUEUE_LIMIT,
        *,
        reply: Callable[[Element], Awaitable[object]] | None = None,
        keeping: Keeping | None = None,
    ) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param builtin: The gateway's own answer to an iq, or C{None}.
        @param callback: C{None}, and nobody wants anything.
        @param limit: How many stanzas may wait that are not kept.
        @param reply: Takes the callback's messages, to be sent; raises L{Refusal}.
            C{None}, and they are written to the stream.
        @param keeping: C{None}, and no stanza is kept.
        """
        self._answers = Answers(send, reply, builtin)
        self._selection = selection
        self._volatile: Volatile | None = None
        self._durable: Durable | None = None
        self._watch: Watch | None = None
        if callback is not None:
            now = time.time if keeping is None else keeping.now
            if keeping is not None:
                self._watch = Watch(now)
            asker = Asker(callback, now, self._watch)
            # Without others there is nobody to leave turns to.
            connections = limit if keeping is None else keeping.connections
            self._volatile = Volatile(asker, self._answers, limit, connections)
            if keeping is not None and self._watch is not None:
                self._durable = Durable(
                    keeping, asker, self._answers, self._watch, self._unkept
                )

    @property
    def waiting(self) -> int:
        """How many stanzas the callback has not yet answered, of those not kept."""
        return 0 if self._volatile is None else self._volatile.waiting

    @property
    def kept(self) -> int:
        """The same of those that are kept."""
        return 0 if self._durable is None else self._durable.waiting

    @property
    def isPaused(self) -> bool:
        """Whether the callback is paused: what is kept for it stays."""
        return self._watch is not None and self._watch.health.isPaused

    def startService(self) -> None:
        """Deliver what was kept."""
        super().startService()
        if self._durable is not None:
            self._durable.begin()

    def stopService(self) -> Deferred[None] | None:
        """
        Give up all that is under way. What is not kept is bounced.

        @return: Fires once the store is no longer used.
        """
        super().stopService()
        ending = None
        if self._durable is not None:
            ending = Deferred.fromCoroutine(self._durable.end())
        if self._volatile is not None:
            self._volatile.stop()
        return ending

    def receive(self, stanza: Element) -> None:
        """
        Deal with an inbound stanza.

        @param stanza: Any stanza that answers no iq of ours.
        """
        isKeeping = self._durable is not None and isKept(stanza)
        if not self.running and not isKeeping:
            return  # The stream is closing; there is no way back to the sender.
        if not (stanza.getAttribute("from") and stanza.getAttribute("to")):
            # Servers must not send it (XEP-0114 §3), and an answer would have no
            # addresses: ejabberd closes the stream over that.
            _log.warn(
                "Ignored {stanza} without a sender or a recipient.",
                stanza=rules.a(stanza.name),
            )
            return
        if self._volatile is None or stanza not in self._selection:
            verdict = Verdict(rules.unwanted(stanza), unanswered=True)
            self._answers.now(stanza, verdict)
        elif self._durable is not None and isKeeping:
            self._durable.receive(stanza)
        else:
            self._volatile.receive(stanza)

    async def redeliver(
        self, webhookIDs: Sequence[str] | None, since: float, until: float
    ) -> Sequence[Incoming]:
        """
        Deliver stanzas that were given up, in the order they came, as far as they may
        wait.

        @param webhookIDs: Which, of those that came within the time span; C{None} for
            all of them.
        @param since: The beginning of the time span, in seconds since 1970.
        @param until: Its end, which does not belong to it.
        @return: Which are delivered again, without their XML.
        @raise Refusal: 409, there is no callback.
        @raise StoreUnavailable: Some of them may be delivered all the same.
        """
        if self._durable is None:
            raise Refusal(
                Problem(
                    409,
                    "cancel",
                    "conflict",
                    "There is no callback, or nothing is kept for it, so nothing can be"
                    " redelivered; configure callback-url and store.",
                )
            )
        return await self._durable.redeliver(webhookIDs, since, until)

    def _unkept(self, stanza: Element) -> None:
        """A stanza cannot be kept."""
        assert self._volatile is not None
        if self.running:
            self._volatile.receive(stanza)
        else:
            self._answers.now(stanza, rules.noAnswer(stanza))
