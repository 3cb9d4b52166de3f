"""Permissions of an authenticated token."""

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

#: The rights of a token beside sending, and their names in sentences.
PERMISSIONS = {
    "outbox": "read the status of all messages",
    "drop": "drop queued messages",
    "inbox": "read the inbound stanzas",
    "redeliver": "redeliver inbound stanzas",
    "metrics": "read the metrics",
    "events": "watch the live events",
    "bots": "manage bots and their contacts",
    "rooms": "let bots join and leave rooms",
    "updates": "fetch and answer updates",
    "hooks": "list the hooks and try them",
}

#: The start of the name of a grant that belongs to a hook, not to a token. Names of
#: tokens have no slash.
HOOK_PREFIX = "hooks/"


@dataclass(frozen=True, slots=True)
class Grant:
    """
    The permissions of a token, or of the credentials.

    @ivar name: The token's name; empty for the credentials, which grant full access.
        That of a hook begins with L{HOOK_PREFIX}.
    @ivar permissions: The rights of L{PERMISSIONS} that it has.
    @ivar kinds: The kinds of stanza that it may send.
    @ivar senders: The addresses that it may send from.
    @ivar recipients: The addresses that it may send to.
    @ivar defaultSender: The sender of its stanzas without C{from}; empty for the
        component domain.
    @ivar callbacks: The callbacks whose updates it may fetch; empty for all.
    @ivar rateLimiter: The limit on its stanzas per second; C{None} for no limit.
    @ivar isBasic: Whether it was shown as Basic credentials, which browsers remember.
    """

    name: str = ""
    permissions: frozenset[str] = frozenset(PERMISSIONS)
    kinds: frozenset[str] = frozenset(TYPES)
    senders: JIDPatterns = ANY_JID
    recipients: JIDPatterns = ANY_JID
    defaultSender: str = ""
    callbacks: frozenset[str] = frozenset()
    rateLimiter: RateLimiter | None = None
    isBasic: bool = False

    def authorize(self, stanza: Element) -> None:
        """
        Check that a stanza may be sent.

        @param stanza: A complete stanza.
        @raise Refusal: 403, the text says what may be sent.
        """
        if self is FULL_ACCESS:
            return  # the common case
        self.requireKind(stanza.name)
        self.requireSender(stanza["from"])
        self.requireRecipient(stanza["to"])

    def requireKind(self, kind: str) -> None:
        """
        Check that stanzas of a kind may be sent.

        @param kind: C{message}, C{presence} or C{iq}.
        @raise Refusal: 403, the text says which kinds may be sent.
        """
        if kind not in self.kinds:
            known = " or ".join(sorted(self.kinds)) or "nothing"
            raise forbidden(f"{self} may send {known}, not {withArticle(kind)}.")

    def requireSender(self, address: str) -> None:
        """
        Check that stanzas may be sent from an address.

        @raise Refusal: 403, the text says from which addresses they may.
        """
        if address not in self.senders:
            raise forbidden(
                f"{self} may not send from {quoteShort(address)}; set 'from' to what it"
                f" may: {self.senders}."
            )

    def requireRecipient(self, address: str) -> None:
        """
        Check that stanzas may be sent to an address.

        @raise Refusal: 403, the text says to which addresses they may.
        """
        if address not in self.recipients:
            raise forbidden(
                f"{self} may not send to {quoteShort(address)}, only to:"
                f" {self.recipients}."
            )

    def authorizeNavigation(self, stanza: Element) -> None:
        """
        Check that a stanza may be sent by a GET request.

        A browser adds the Basic credentials that it remembers to every request to the
        gateway, also when another site's page links to it. Such a request may only read
        (RFC 9110 §9.2.1).

        @param stanza: The iq that the request stands for.
        @raise Refusal: 403, the credentials are Basic and the iq changes something.
        """
        if stanza.getAttribute("type") == "set" and mam.query(stanza) is None:
            self.refuseBasic("send an iq of type set", "use POST, or a Bearer token")

    def refuseBasic(self, action: str, advice: str) -> None:
        """
        Check that a GET request which changes something has no Basic credentials.

        @param action: Its effect, in words.
        @raise Refusal: 403, the credentials are Basic.
        """
        if self.isBasic:
            raise forbidden(
                f"A GET with Basic credentials may not {action}, because a web page"
                f" could make a browser send it; {advice}."
            )

    def consumeRateLimit(self) -> None:
        """
        Count one stanza against the rate limit.

        @raise Refusal: 429, the limit is reached.
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

    def chargeRateLimit(self, count: int) -> None:
        """Count stanzas that belong to one that the rate limit has allowed."""
        if self.rateLimiter is not None:
            self.rateLimiter.charge(count)

    def requirePermission(self, right: str) -> None:
        """
        Check a right.

        @param right: One of L{PERMISSIONS}.
        @raise Refusal: 403, the text says where to grant it.
        """
        if right not in self.permissions:
            raise forbidden(
                f"{self} may not {PERMISSIONS[right]}; to let it, write {right!r} "
                "among what"
                f" it may, under [tokens.{self.name}]."
            )

    def canFetch(self, callback: str) -> bool:
        """Whether it may fetch the updates of a callback, given the right to do so."""
        return not self.callbacks or callback in self.callbacks

    def canSee(self, message: OutboxRecord) -> bool:
        """
        Whether the status of a message may be read: with the right C{outbox} that of
        every message, else that of messages which the token may send itself.
        """
        return "outbox" in self.permissions or (
            "message" in self.kinds
            and message.sender in self.senders
            and message.to in self.recipients
        )

    @property
    def label(self) -> str:
        """
        The holder of the permissions, for the log: C{"token NAME"} or C{"hook NAME"}.
        """
        if self.name.startswith(HOOK_PREFIX):
            return f"hook {self.name.removeprefix(HOOK_PREFIX)}"
        return f"token {self.name}" if self.name else "full access"

    def __str__(self) -> str:
        if self.name.startswith(HOOK_PREFIX):
            return f"The hook {self.name.removeprefix(HOOK_PREFIX)!r}"
        return f"The token {self.name!r}"


#: The grants of the credentials, and of requests without any to public resources.
FULL_ACCESS = Grant()
NO_ACCESS = Grant(permissions=frozenset(), kinds=frozenset())
