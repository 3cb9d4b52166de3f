"""
Takes inbound stanzas to the callback, and what it answers back.

Stanzas of one conversation (the bare sender, and whom it writes to) are delivered
in the order they came, conversations side by side; iqs, which do not depend on what
was said before, in a row of their own for each full address.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..core import jid, rules
from ..core.errors import (
    INTERNAL_SERVER_ERROR,
    RESOURCE_CONSTRAINT,
    Refusal,
)
from ..core.rules import Answer, Verdict
from ..core.stanza import isRequest
from .httpclient import NoAnswer

_log = Logger()

#: How many stanzas may wait for the callback, those it is asked about included.
QUEUE_LIMIT = 10_000

#: How many of them may be of one conversation, so that one sender leaves room.
CONVERSATION_LIMIT = 500


class Callback(Protocol):
    """Where stanzas are posted."""

    async def post(self, stanza: Element) -> Answer:
        """Deliver one; raises L{NoAnswer}."""


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


#: The sender, the addressee, and whether it is about iqs.
Conversation: TypeAlias = tuple[str, str, bool]


def _conversation(stanza: Element) -> Conversation:
    """An iq concerns one client of its sender, a message all of them."""
    sender, isIQ = stanza["from"], stanza.name == "iq"
    return (sender if isIQ else jid.bareOf(sender), stanza["to"], isIQ)


class Inbox(Service):
    """
    The way in without a store: what the callback does not get is bounced.

    @ivar waiting: How many stanzas the callback has not yet answered.
    """

    def __init__(
        self,
        send: Callable[[Element], None],
        builtin: Callable[[Element], Element | None],
        callback: Callback | None,
        selection: Selection,
        limit: int = QUEUE_LIMIT,
    ) -> None:
        """
        @param send: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param builtin: The gateway's own answer to an iq, or C{None}.
        @param callback: C{None}, and nobody wants anything.
        @param limit: How many stanzas may wait.
        """
        self._write = send
        self._builtin = builtin
        self._callback = callback
        self._selection = selection
        self._limit = limit
        self._queues: dict[Conversation, deque[Element]] = {}
        self._running: dict[Deferred[None], None] = {}
        self._troubles: set[str] = set()
        self._full = False
        self.waiting = 0

    def receive(self, stanza: Element) -> None:
        """
        Deal with an inbound stanza.

        @param stanza: Any stanza that answers no iq of ours.
        """
        if not self.running:
            return  # The stream is closing; there is no way back to the sender.
        if not (stanza.getAttribute("from") and stanza.getAttribute("to")):
            # Servers must not send it (XEP-0114 §3), and an answer would have no
            # addresses: ejabberd closes the stream over that.
            _log.warn(
                "Ignored {stanza} without a sender or a recipient.",
                stanza=rules.a(stanza.name),
            )
            return
        if self._callback is None or stanza not in self._selection:
            self._act(stanza, Verdict(rules.unwanted(stanza), unanswered=True))
        elif self.waiting >= self._limit:
            self._refuse(stanza)
        else:
            self._enqueue(stanza, self._callback)

    def stopService(self) -> None:
        """Give up all that is under way, and tell its senders."""
        super().stopService()
        # Those that wait for their turn first, lest each gets it for a moment.
        for running in list(reversed(self._running)):
            running.cancel()

    def _giveUp(self, queue: deque[Element]) -> None:
        """The gateway stops; nothing here outlives it."""
        for stanza in queue:
            self._act(stanza, rules.noAnswer(stanza))

    def _refuse(self, stanza: Element) -> None:
        """Too many wait already."""
        if not self._full:
            self._full = True
            _log.error(
                "The callback is too slow: {limit} stanzas wait for it; until it"
                " catches up, others are refused.",
                limit=self._limit,
            )
        self._bounce(stanza)

    def _bounce(self, stanza: Element) -> None:
        refusal = rules.bounce(stanza, RESOURCE_CONSTRAINT)
        self._act(stanza, Verdict(refusal, unanswered=True))

    def _enqueue(self, stanza: Element, callback: Callback) -> None:
        conversation = _conversation(stanza)
        queue = self._queues.get(conversation)
        if queue is not None and len(queue) >= CONVERSATION_LIMIT:
            self._bounce(stanza)
            return
        self.waiting += 1
        # Not at the first place that gets free, or the log tells of each.
        self._full = self._full and self.waiting > self._limit // 2
        if queue is not None:
            queue.append(stanza)
            return
        self._queues[conversation] = deque([stanza])
        running = Deferred.fromCoroutine(self._run(conversation, callback))
        self._running[running] = None
        running.addBoth(self._ran, running)

    def _ran(self, result: Failure | None, running: Deferred[None]) -> None:
        del self._running[running]
        if result is not None:
            _log.failure("The delivery of a conversation failed.", failure=result)

    async def _run(self, conversation: Conversation, callback: Callback) -> None:
        """
        Deliver a conversation until nothing of it is left; its outer edge.
        """
        queue = self._queues[conversation]
        try:
            while queue:
                stanza = queue[0]
                try:
                    self._act(stanza, await self._ask(stanza, callback))
                except CancelledError:
                    self._giveUp(queue)
                    return
                except Exception:
                    _log.failure(
                        "The delivery of {stanza} from {sender} failed.",
                        stanza=rules.a(stanza.name),
                        sender=stanza.getAttribute("from"),
                    )
                    self._send(stanza, rules.bounce(stanza, INTERNAL_SERVER_ERROR))
                queue.popleft()
                self.waiting -= 1
        finally:
            self.waiting -= len(queue)
            del self._queues[conversation]

    async def _ask(self, stanza: Element, callback: Callback) -> Verdict:
        """What the callback makes of a stanza."""
        try:
            said = await callback.post(stanza)
        except NoAnswer as reason:
            self._note(str(reason))
            return rules.noAnswer(stanza)
        self._note(None)
        verdict = rules.answer(stanza, said, newID)
        if verdict.warning:
            _log.warn(
                "The callback answered {stanza} from {sender} with {status}; {hint}",
                stanza=rules.a(stanza.name),
                sender=stanza.getAttribute("from"),
                status=said.status,
                hint=verdict.warning,
            )
        return verdict

    def _act(self, stanza: Element, verdict: Verdict) -> None:
        """Send what follows, or our own answer where that comes first."""
        own = None
        if verdict.unanswered and isRequest(stanza):
            own = self._builtin(stanza)
        self._send(stanza, verdict.stanzas if own is None else (own,))

    def _send(self, stanza: Element, answers: tuple[Element, ...]) -> None:
        for answer in answers:
            try:
                self._write(answer)
            except Refusal as refusal:
                _log.warn(
                    "The answer to {to} is lost: {reason}",
                    to=answer.getAttribute("to"),
                    reason=refusal.problem.text,
                )
                if refusal.problem.status == 413:
                    # Too long for the server; an error is not.
                    self._send(stanza, rules.bounce(stanza, INTERNAL_SERVER_ERROR))

    def _note(self, trouble: str | None) -> None:
        """Log that the callback does not answer, or does again; not each time."""
        if trouble is None:
            if self._troubles:
                _log.info("The callback answers again.")
            self._troubles.clear()
        elif trouble not in self._troubles:
            _log.error("The callback gives no answer: {reason}.", reason=trouble)
            self._troubles.add(trouble)


def newID() -> str:
    """An id for a stanza: random, unguessable."""
    return secrets.token_urlsafe(12)
