"""
The seam between the inbox and its subscribers, which get the stanzas.

A webhook is a subscriber: it POSTs each stanza to a callback. The inbox keeps the
stanzas and their order. It knows nothing of HTTP:

  - it hands the next due stanza of each conversation to L{Subscriber.post}, never two
    of one conversation at a time, and at most L{Subscription.concurrency} in all;
  - the subscriber fires the Deferred as soon as the outcome is known, after a
    millisecond or after a day: with the response, or with a L{DeliveryError} that says
    why there is none;
  - the inbox then sends replies and receipts, records the attempt, makes a dead letter
    or plans a retry, and goes on with the conversation;
  - it cancels the Deferred when the gateway stops: the attempt does not count, and the
    stanza is handed over again at the next start.

A subscriber keeps nothing that must survive: what it has not answered stays pending in
the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ..core.policy.callback_response import CallbackResponse
from ..core.webhook.conversation_key import DEFAULT
from .filter import StanzaFilter


class Subscriber(Protocol):
    """Gets the stanzas of one inbox, and says what became of each."""

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """
        Deliver a stanza. The implementation must not keep its tree, which may be large,
        while
        it waits for the response.

        @param id: Its id, the same in each attempt.
        @param xml: Its XML as the store has it; empty if that is not in memory.
        @param isReflection: Whether a room has sent the bot's own message back.
        @return: Fires with the response; fails with
            L{DeliveryError<xmpprest.core.webhook.errors.DeliveryError>}: there is no
            valid
            response. Cancelling it withdraws the stanza.
        """


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    A subscriber and the stanzas that it gets.

    @ivar subscriber: C{None} if a client fetches the stanzas, in batches of any size.
    @ivar name: Its name in the store and in the log.
    @ivar concurrency: Limit on its stanzas in flight.
    @ivar isLogged: Whether each attempt to deliver to it has a line in the log.
    @ivar wantsReflections: Whether it gets messages that rooms send back to their
        author.
    """

    subscriber: Subscriber | None
    filter: StanzaFilter
    concurrency: int = 32
    name: str = DEFAULT
    isLogged: bool = False
    wantsReflections: bool = False
