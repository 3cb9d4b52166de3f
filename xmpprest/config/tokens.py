"""A token: who may do what, as somebody sets it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.policy.permissions import PERMISSIONS
from ..core.stanza.build import TYPES
from ..core.stanza.jid_pattern import canMatchDomain, normalisePattern
from . import parsers
from .setting import normaliseFields, setting


def _unlessToken(written: str) -> str:
    """What may be shown in the place of a hash: not what may be the token itself."""
    return written if re.fullmatch("[0-9A-Fa-f]{1,128}", written) else parsers.MASK


@dataclass(frozen=True, kw_only=True)
class TokenConfig:
    """
    One who may send, and what else. Values are checked, as those of
    L{Config<xmpprest.config.config.Config>} are.

    @ivar name: What it is called in the log and in answers.
    @raise ValueError: A value is bad, or is missing; the message says what to do.
    """

    name: str
    sha256: tuple[str, ...] = setting(
        parsers.sha256Hex,
        "The SHA-256 of the token, in hexadecimal; several while it is changed.",
        (),
        show=_unlessToken,
    )
    from_: tuple[str, ...] = setting(
        normalisePattern, "From which addresses it may send.", ("*",), show=str
    )
    kinds: frozenset[str] = setting(
        parsers.optionalChoices(*TYPES),
        "Which kinds of stanza it may send.",
        frozenset(TYPES),
    )
    to: tuple[str, ...] = setting(
        normalisePattern, "To which addresses it may send.", ("*",), show=str
    )
    rate: float | None = setting(
        parsers.duration("stanzas a second"), "How many stanzas a second it may send."
    )
    burst: int | None = setting(
        parsers.positiveInteger, "How many it may send at once after a pause."
    )
    may: frozenset[str] = setting(
        parsers.optionalChoices(*PERMISSIONS),
        f"What it may beside sending: {', '.join(PERMISSIONS)}.",
        frozenset(),
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
                f"There is no sha256 of the token {self.name}: 'python -m xmpprest"
                f" token {self.name}' makes one."
            )
        if self.burst is not None and self.rate is None:
            raise ValueError(
                f"The token {self.name} has a burst and no rate: give it a rate, too."
            )


def checkUniqueTokens(tokens: Sequence[TokenConfig], domain: str) -> None:
    """
    Check what can be wrong with tokens that are good by themselves.

    @param domain: The component domain, in its normal form.
    @raise ValueError: The message says what to do.
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
                    f"The token {token.name} may send from {pattern}, which the gateway"
                    f" cannot: expected addresses at {domain}."
                )
