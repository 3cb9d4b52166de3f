"""Settings of one token: its permissions and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.policy.permissions import PERMISSIONS
from ..core.stanza.build import TYPES
from ..core.stanza.jid_pattern import canMatchDomain, normalisePattern
from . import parsers
from .setting import normaliseFields, setting


@dataclass(frozen=True, kw_only=True)
class TokenConfig:
    """
    Settings of one token, checked like those of
    L{Config<xmpprest.config.config.Config>}.

    @ivar name: The name of the token in the log and in error responses.
    @raise ValueError: A value is invalid or missing; the message says what to change.
    """

    name: str
    sha256: tuple[str, ...] = setting(
        parsers.hashOf("xmpprest token NAME"),
        "The SHA-256 of the token in hexadecimal; several during a rotation.",
        (),
        show=parsers.redactHash,
    )
    from_: tuple[str, ...] = setting(
        normalisePattern, "The addresses from which it may send.", ("*",), show=str
    )
    kinds: frozenset[str] = setting(
        parsers.optionalChoices(*TYPES),
        "The kinds of stanza that it may send.",
        frozenset(TYPES),
    )
    to: tuple[str, ...] = setting(
        normalisePattern, "The addresses to which it may send.", ("*",), show=str
    )
    rate: float | None = setting(
        parsers.duration("stanzas per second"),
        "Maximum number of stanzas per second.",
    )
    burst: int | None = setting(
        parsers.positiveInteger,
        "Maximum number of stanzas that it may send at once after a pause.",
    )
    may: frozenset[str] = setting(
        parsers.optionalChoices(*PERMISSIONS),
        f"Rights beyond sending: {', '.join(PERMISSIONS)}.",
        frozenset(),
    )
    callbacks: tuple[str, ...] = setting(
        parsers.shortName,
        "The callbacks with the URL pull: whose updates it may fetch; all without"
        " this key. It needs the right updates.",
        (),
    )

    def __post_init__(self) -> None:
        normaliseFields(self)
        try:
            parsers.shortName(self.name)
        except ValueError as error:
            raise ValueError(
                f"The name of a token is {self.name!r}: {error}."
            ) from None
        if not self.sha256:
            raise ValueError(
                f"The token {self.name} has no sha256: run 'xmpprest token {self.name}'"
                " to create the token and its hash."
            )
        if self.burst is not None and self.rate is None:
            raise ValueError(
                f"The token {self.name} has a burst but no rate: add a rate, or remove"
                " the burst."
            )
        if self.callbacks and "updates" not in self.may:
            raise ValueError(
                f"The token {self.name} has callbacks but not the right updates: add"
                " updates to 'may', or remove the callbacks."
            )


def checkTokenCallbacks(
    tokens: Sequence[TokenConfig], callbacks: Sequence[str]
) -> None:
    """
    Check that the callbacks of tokens exist.

    @param callbacks: The names of all callbacks.
    @raise ValueError: A token names another; the message says what to change.
    """
    for token in tokens:
        for name in token.callbacks:
            if name not in callbacks:
                known = ", ".join(callbacks) or "none"
                raise ValueError(
                    f"The token {token.name} has {name} in 'callbacks', but there is"
                    f" no callback of this name (known: {known})."
                )


def checkUniqueTokens(tokens: Sequence[TokenConfig], domain: str) -> None:
    """
    Check tokens against each other and against the component domain.

    @param domain: The component domain in its normalised form.
    @raise ValueError: Two tokens conflict; the message says what to change.
    """
    names = Counter(token.name for token in tokens)
    hashes = Counter(each for token in tokens for each in token.sha256)
    for count, what in ((names, "name"), (hashes, "sha256")):
        for value, times in count.items():
            if times > 1:
                raise ValueError(
                    f"{times} tokens have the {what} {value}: each needs its own."
                )
    for token in tokens:
        for pattern in token.from_:
            if not canMatchDomain(pattern, domain):
                raise ValueError(
                    f"The token {token.name} has {pattern} in 'from', but the gateway"
                    f" sends only from {domain}: expected addresses at that domain."
                )
