"""Sends the callbacks' replies, errors and the gateway's own answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import INTERNAL_SERVER_ERROR, RESOURCE_CONSTRAINT, Refusal
from ..core.policy.callback_response import (
    CallbackResponse,
    ReplyPlan,
    errorReply,
    interpretResponse,
    undeliveredReply,
)
from ..core.policy.reply_limit import ReplyLimiter
from ..core.stanza import namespaces as ns
from ..core.stanza.build import elements, isRequest
from .options import InboxOptions

_log = Logger()


#: Response of a callback that accepts a stanza without a reply.
_ACCEPTED = CallbackResponse(204)


class ReplySender:
    """
    Sends stanzas back to the senders of inbound stanzas.
    """

    def __init__(
        self,
        write: Callable[[Element], None],
        reply: Callable[[Element], Awaitable[object]] | None,
        builtin: Callable[[Element], Element | None],
        options: InboxOptions,
    ) -> None:
        """
        @param write: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param reply: Sends a message through the outbox; raises L{Refusal}. If C{None},
            messages are written to the stream.
        @param builtin: Returns the gateway's own answer to an iq, or C{None}.
        """
        self._write = write
        self._reply = reply
        self._builtin = builtin
        self._settings = options.settings
        self._steady = options.steady
        self._limiter = ReplyLimiter()

    @property
    def droppedReplies(self) -> int:
        """The number of automatic replies that were dropped to end a loop."""
        return self._limiter.dropped

    def limit(
        self, stanza: Element, plan: ReplyPlan, newID: Callable[[], str]
    ) -> ReplyPlan:
        """
        Apply the limit on automatic replies, so that two bots cannot answer each other
        forever (callback.rst, I{Loops}).

        @param plan: The plan that a callback's response has led to.
        @param newID: Makes ids for replies.
        @return: The plan of a response without a reply if the limit is exceeded.
        """
        if stanza.name != "message" or not any(map(_isAutomatic, plan.stanzas)):
            return plan
        isAdmitted, isFirst = self._limiter.admit(
            stanza["from"],
            stanza["to"],
            self._settings.value.replyLimit,
            self._steady(),
        )
        if isFirst:
            _log.warn(
                "Loop of replies: {sender} got too many automatic replies from"
                " {recipient}. Further ones are dropped until {sender} is silent"
                " (reply-limit).",
                sender=stanza["from"],
                recipient=stanza["to"],
            )
        if isAdmitted:
            return plan
        return interpretResponse(stanza, _ACCEPTED, newID)

    def sendNow(self, stanza: Element, plan: ReplyPlan) -> None:
        """Write the replies of a plan to the stream; drop those that it refuses."""
        for reply in self._replies(stanza, plan):
            try:
                self._write(reply)
            except Refusal as refusal:
                instead = self._instead(stanza, reply, refusal)
                self.sendNow(stanza, ReplyPlan(tuple(instead)))

    async def sendOrDrop(self, stanza: Element, plan: ReplyPlan) -> None:
        """
        Send the replies of a plan for a transient stanza. A message that the store
        cannot take is written to the stream; other failures drop the reply.
        """
        for reply in self._replies(stanza, plan):
            try:
                await self._send(stanza, (reply,))
            except Refusal as refusal:
                if self._usesOutbox(reply):
                    self.sendNow(stanza, ReplyPlan((reply,)))
                else:
                    self._dropped(reply, refusal)

    async def send(self, stanza: Element, plan: ReplyPlan) -> None:
        """
        Send the replies of a plan for a stored stanza.

        @raise Refusal: 503, not all of them can be sent now.
        """
        await self._send(stanza, self._replies(stanza, plan))

    async def _send(self, stanza: Element, replies: Iterable[Element]) -> None:
        for reply in replies:
            try:
                if self._reply is not None and self._usesOutbox(reply):
                    await self._reply(reply)
                else:
                    self._write(reply)
            except Refusal as refusal:
                if refusal.problem.status == 503:
                    raise
                await self._send(stanza, self._instead(stanza, reply, refusal))

    def rejectOverload(self, stanza: Element) -> None:
        """Tell a sender that too many stanzas wait."""
        refusal = undeliveredReply(stanza, RESOURCE_CONSTRAINT)
        self.sendNow(stanza, ReplyPlan(refusal, deferToBuiltin=True))

    def _usesOutbox(self, reply: Element) -> bool:
        """
        Check whether a reply goes through the outbox, which needs an id. An error to a
        message without an id has none.
        """
        isMessage = reply.name == "message" and bool(reply.getAttribute("id"))
        return isMessage and self._reply is not None

    def _replies(self, stanza: Element, plan: ReplyPlan) -> tuple[Element, ...]:
        """Return the replies of a plan, or the gateway's own answer instead."""
        own = None
        if plan.deferToBuiltin and isRequest(stanza):
            own = self._builtin(stanza)
        return plan.stanzas if own is None else (own,)

    def _instead(
        self, stanza: Element, reply: Element, refusal: Refusal
    ) -> Iterable[Element]:
        """Return replacements for a reply that was refused."""
        self._dropped(reply, refusal)
        # An error is short enough where a reply is too long for the server.
        isTooLong = refusal.problem.status == 413
        return errorReply(stanza, INTERNAL_SERVER_ERROR) if isTooLong else ()

    def _dropped(self, reply: Element, refusal: Refusal) -> None:
        _log.warn(
            "Reply to {to} dropped: {reason}",
            to=reply.getAttribute("to"),
            reason=refusal.problem.text,
        )


def _isAutomatic(reply: Element) -> bool:
    """Check whether a reply is a message with content, not an error or a receipt."""
    return reply.getAttribute("type") != "error" and any(
        each.uri != ns.RECEIPTS or each.name != "received" for each in elements(reply)
    )
