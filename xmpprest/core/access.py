"""What whoever has shown a token may do."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import Problem, Refusal

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
    """

    name: str = ""
    rights: frozenset[str] = frozenset(RIGHTS)

    def require(self, right: str) -> None:
        """
        Let do what takes a right, or not.

        @raise Refusal: 403, which says where to give it.
        """
        if right not in self.rights:
            raise forbidden(
                f"The token {self.name!r} may not {RIGHTS[right]}; to let it, write"
                f" {right!r} among what it may, under [tokens.{self.name}]."
            )


#: What the credentials may do, and what anybody may, to whom something is public.
EVERYTHING = Grant()
NOTHING = Grant("", frozenset())


def forbidden(text: str) -> Refusal:
    """Refuse what a token does not allow: 403."""
    return Refusal(Problem(403, "auth", "not-authorized", text))
