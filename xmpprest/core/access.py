"""What whoever has shown a token may do."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from twisted.words.xish.domish import Element

from .addresses import ANYBODY, Addresses
from .bucket import Bucket
from .errors import forbidden, tooMany
from .records import Outgoing
from .rules import a
from .scalars import shown
from .stanza import TYPES

#: What a token may be allowed beside sending, and the words for it.
RIGHTS = {
    "outbox": "see what has become of all that was sent",
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
    @ivar rights: Of L{RIGHTS}, those that it has.
    @ivar kinds: Which kinds of stanza it may send.
    @ivar senders: From which addresses.
    @ivar recipients: To which addresses.
    @ivar sender: From which of them a stanza is that does not say; empty for the
        component domain.
    @ivar bucket: How often it may send; C{None}, as often as it likes.
    """

    name: str = ""
    rights: frozenset[str] = frozenset(RIGHTS)
    kinds: frozenset[str] = frozenset(TYPES)
    senders: Addresses = ANYBODY
    recipients: Addresses = ANYBODY
    sender: str = ""
    bucket: Bucket | None = None

    def check(self, stanza: Element) -> None:
        """
        Let a stanza be sent, or not.

        @param stanza: A complete one.
        @raise Refusal: 403, which says what may be.
        """
        if self is EVERYTHING:
            return  # as nearly always
        if stanza.name not in self.kinds:
            known = " or ".join(sorted(self.kinds)) or "nothing"
            raise forbidden(f"{self} may send {known}, not {a(stanza.name)}.")
        if stanza["from"] not in self.senders:
            raise forbidden(
                f"{self} may not send from {shown(stanza['from'])}; set 'from' to what"
                f" it may: {self.senders}."
            )
        if stanza["to"] not in self.recipients:
            raise forbidden(
                f"{self} may not send to {shown(stanza['to'])}, only to:"
                f" {self.recipients}."
            )

    def spend(self) -> None:
        """
        Let one stanza be sent, or not yet.

        @raise Refusal: 429.
        """
        if self.bucket is None:
            return
        wait = self.bucket.take()
        if wait:
            raise tooMany(
                f"{self} may send {self.bucket.rate:g} stanzas a second; wait, and try"
                " again.",
                retryAfter=ceil(wait),
            )

    def require(self, right: str) -> None:
        """
        Let do what takes a right, or not.

        @raise Refusal: 403, which says where to give it.
        """
        if right not in self.rights:
            raise forbidden(
                f"{self} may not {RIGHTS[right]}; to let it, write {right!r} among what"
                f" it may, under [tokens.{self.name}]."
            )

    def sees(self, message: Outgoing) -> bool:
        """
        Whether it may see what has become of a message: with the right to, of any;
        else of one that it may have sent itself.
        """
        return "outbox" in self.rights or (
            "message" in self.kinds
            and message.sender in self.senders
            and message.to in self.recipients
        )

    def __str__(self) -> str:
        return f"The token {self.name!r}"


#: What the credentials may do, and what anybody may, to whom something is public.
EVERYTHING = Grant()
NOTHING = Grant(rights=frozenset(), kinds=frozenset())
