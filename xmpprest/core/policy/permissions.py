"""What whoever has shown a token may do."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from twisted.words.xish.domish import Element

from ..codec.scalars import quoteShort
from ..errors import forbidden, tooManyRequests
from ..records import OutboxRecord
from ..stanza import mam
from ..stanza.build import TYPES, withArticle
from ..stanza.jid_pattern import ANY_JID, JIDPatterns
from .rate_limit import RateLimiter

#: What a token may be allowed beside sending, and the words for it.
PERMISSIONS = {
    "outbox": "see what has become of all that was sent",
    "drop": "drop messages that wait to be sent",
    "inbox": "see what came for the callback",
    "redeliver": "have stanzas delivered to the callback again",
    "metrics": "see the metrics",
    "events": "see the traffic as it happens",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """
    What a token may do.

    @ivar name: Of the token; empty for the credentials, which may do everything.
    @ivar permissions: Of L{PERMISSIONS}, those that it has.
    @ivar kinds: Which kinds of stanza it may send.
    @ivar senders: From which addresses.
    @ivar recipients: To which addresses.
    @ivar defaultSender: From which of them a stanza is that does not say; empty for the
        component domain.
    @ivar rateLimiter: The limit on its stanzas per second; C{None} for no limit.
    @ivar isBasic: Whether it was shown as Basic credentials, which browsers remember.
    """

    name: str = ""
    permissions: frozenset[str] = frozenset(PERMISSIONS)
    kinds: frozenset[str] = frozenset(TYPES)
    senders: JIDPatterns = ANY_JID
    recipients: JIDPatterns = ANY_JID
    defaultSender: str = ""
    rateLimiter: RateLimiter | None = None
    isBasic: bool = False

    def authorize(self, stanza: Element) -> None:
        """
        Let a stanza be sent, or not.

        @param stanza: A complete one.
        @raise Refusal: 403, which says what may be.
        """
        if self is FULL_ACCESS:
            return  # the common case
        if stanza.name not in self.kinds:
            known = " or ".join(sorted(self.kinds)) or "nothing"
            raise forbidden(f"{self} may send {known}, not {withArticle(stanza.name)}.")
        if stanza["from"] not in self.senders:
            raise forbidden(
                f"{self} may not send from {quoteShort(stanza['from'])}; set 'from' "
                "to what"
                f" it may: {self.senders}."
            )
        if stanza["to"] not in self.recipients:
            raise forbidden(
                f"{self} may not send to {quoteShort(stanza['to'])}, only to:"
                f" {self.recipients}."
            )

    def authorizeNavigation(self, stanza: Element) -> None:
        """
        Check that a stanza may be sent by a GET request.

        A browser sends Basic credentials that it remembers with every request to the
        gateway, also if a page of a stranger links to it; so such a request may only
        ask (RFC 9110 §9.2.1).

        @param stanza: The iq that the request stands for.
        @raise Refusal: 403, the credentials are Basic and the iq changes something.
        """
        isChange = stanza.getAttribute("type") == "set" and mam.query(stanza) is None
        if self.isBasic and isChange:
            raise forbidden(
                "A GET with Basic credentials may not send an iq of type set, because"
                " a web page could make a browser send it; use POST, or a Bearer token."
            )

    def consumeRateLimit(self) -> None:
        """
        Let one stanza be sent, or not yet.

        @raise Refusal: 429.
        """
        if self.rateLimiter is None:
            return
        wait = self.rateLimiter.acquire()
        if wait:
            raise tooManyRequests(
                f"{self} may send {self.rateLimiter.rate:g} stanzas a second; wait, "
                "and try"
                " again.",
                retryAfter=ceil(wait),
            )

    def requirePermission(self, right: str) -> None:
        """
        Let do what takes a right, or not.

        @raise Refusal: 403, which says where to give it.
        """
        if right not in self.permissions:
            raise forbidden(
                f"{self} may not {PERMISSIONS[right]}; to let it, write {right!r} "
                "among what"
                f" it may, under [tokens.{self.name}]."
            )

    def canSee(self, message: OutboxRecord) -> bool:
        """
        Whether it may see what has become of a message: with the right to, of any;
        else of one that it may have sent itself.
        """
        return "outbox" in self.permissions or (
            "message" in self.kinds
            and message.sender in self.senders
            and message.to in self.recipients
        )

    def __str__(self) -> str:
        return f"The token {self.name!r}"


#: What the credentials may do, and what anybody may, to whom something is public.
FULL_ACCESS = Grant()
NO_ACCESS = Grant(permissions=frozenset(), kinds=frozenset())
