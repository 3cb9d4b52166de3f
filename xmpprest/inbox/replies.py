"""Sends what follows from the callback's answers, and the gateway's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from twisted.logger import Logger
from twisted.words.xish.domish import Element

from ..core.errors import INTERNAL_SERVER_ERROR, RESOURCE_CONSTRAINT, Refusal
from ..core.policy.callback_response import ReplyPlan, errorReply, undeliveredReply
from ..core.stanza.build import isRequest

_log = Logger()


class ReplySender:
    """
    The way back to the senders of inbound stanzas.
    """

    def __init__(
        self,
        write: Callable[[Element], None],
        reply: Callable[[Element], Awaitable[object]] | None,
        builtin: Callable[[Element], Element | None],
    ) -> None:
        """
        @param write: Writes a stanza to the stream; raises L{Refusal} if it cannot.
        @param reply: Takes a message, to be sent, as the way out has it; raises
            L{Refusal}. C{None}, and they are written to the stream.
        @param builtin: The gateway's own answer to an iq, or C{None}.
        """
        self._write = write
        self._reply = reply
        self._builtin = builtin

    def sendNow(self, stanza: Element, verdict: ReplyPlan) -> None:
        """Write what follows from a verdict to the stream, or lose it."""
        for answer in self._chosen(stanza, verdict):
            try:
                self._write(answer)
            except Refusal as refusal:
                instead = self._instead(stanza, answer, refusal)
                self.sendNow(stanza, ReplyPlan(tuple(instead)))

    async def sendOrDrop(self, stanza: Element, verdict: ReplyPlan) -> None:
        """
        Send what follows from a verdict on a stanza that is not kept, or lose it. It is
        not lost over a store that cannot keep it: that may be why the stanza is not.
        """
        for answer in self._chosen(stanza, verdict):
            try:
                await self.send(stanza, (answer,))
            except Refusal as refusal:
                if self._isForStore(answer):
                    self.sendNow(stanza, ReplyPlan((answer,)))
                else:
                    self._lost(answer, refusal)

    async def send(self, stanza: Element, answers: Iterable[Element]) -> None:
        """
        Send answers to a stanza.

        @raise Refusal: 503, not all of them can be sent now.
        """
        for answer in answers:
            try:
                if self._reply is not None and self._isForStore(answer):
                    await self._reply(answer)
                else:
                    self._write(answer)
            except Refusal as refusal:
                if refusal.problem.status == 503:
                    raise
                await self.send(stanza, self._instead(stanza, answer, refusal))

    def rejectOverload(self, stanza: Element) -> None:
        """Too many wait already."""
        refusal = undeliveredReply(stanza, RESOURCE_CONSTRAINT)
        self.sendNow(stanza, ReplyPlan(refusal, deferToBuiltin=True))

    def _isForStore(self, answer: Element) -> bool:
        """
        Whether an answer takes the way of what is kept. An error to a message without
        an id has none either, and who keeps messages asks for one.
        """
        isMessage = answer.name == "message" and bool(answer.getAttribute("id"))
        return isMessage and self._reply is not None

    def _chosen(self, stanza: Element, verdict: ReplyPlan) -> tuple[Element, ...]:
        """What follows, or our own answer where that comes first."""
        own = None
        if verdict.deferToBuiltin and isRequest(stanza):
            own = self._builtin(stanza)
        return verdict.stanzas if own is None else (own,)

    def _instead(
        self, stanza: Element, answer: Element, refusal: Refusal
    ) -> Iterable[Element]:
        """What to send if an answer cannot be sent."""
        self._lost(answer, refusal)
        # Too long for the server; an error is not.
        isTooLong = refusal.problem.status == 413
        return errorReply(stanza, INTERNAL_SERVER_ERROR) if isTooLong else ()

    def _lost(self, answer: Element, refusal: Refusal) -> None:
        _log.warn(
            "The answer to {to} is lost: {reason}",
            to=answer.getAttribute("to"),
            reason=refusal.problem.text,
        )
