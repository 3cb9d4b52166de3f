"""A callback: where what comes in is posted, and what of it, as somebody sets it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import readers
from .core import media
from .core.addresses import normalPattern
from .core.keys import DEFAULT
from .core.signing import parseSecret
from .core.stanza import TYPES
from .setting import normalise, setting

EVENTS = ("bare", "full", "host")

#: How many stanzas one POST may have: each of them waits for the slowest.
MAX_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Callback:
    """
    One of several callbacks. Values are checked, as those of
    L{Config<xmpprest.config.Config>} are.

    @ivar signingSecrets: What each post is signed with, all of them at once (see
        L{core.signing<xmpprest.core.signing>}); it may be none.
    @raise ValueError: A value is bad, or is missing; the message says what to do.
    """

    name: str = setting(
        readers.shortName, "What the callback is called in the log and in answers."
    )
    url: str = setting(
        readers.url,
        "Where stanzas are posted; may hold {kind}, {type}, {to}, {from}.",
        repr=False,
    )
    contentType: str = setting(
        readers.outputType, "What they are posted as.", media.XML
    )
    stanzas: frozenset[str] = setting(
        readers.choices(*TYPES), "Which kinds of stanza it gets.", frozenset(TYPES)
    )
    events: frozenset[str] = setting(
        readers.choices(*EVENTS),
        "Stanzas to which form of address it gets: bare (user@domain), full (with a"
        " resource), host (the domain).",
        frozenset(EVENTS),
    )
    to: tuple[str, ...] = setting(
        normalPattern, "Stanzas to which addresses it gets.", ("*",), show=str
    )
    connections: int = setting(
        readers.count, "How many requests to it may be in flight.", 32
    )
    batch: int = setting(
        readers.countUpTo(MAX_BATCH),
        "How many stanzas of different conversations one request may have, as lines of"
        " JSON; with 1 each has its own.",
        1,
    )
    caFile: str | None = setting(
        readers.line, "A PEM file with the CAs of an https URL, not the system's."
    )
    signingSecrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        normalise(self)
        for each in ("name", "url"):
            if getattr(self, each) is None:
                raise ValueError(f"A callback has no {each}: give it one.")
        object.__setattr__(self, "signingSecrets", checkSecrets(self.signingSecrets))


def checkSecrets(secrets: Sequence[str]) -> tuple[str, ...]:
    """
    Check what posts are signed with.

    @raise ValueError: They are no secrets; the message does not repeat them.
    """
    if isinstance(secrets, str):
        raise ValueError("The signing secrets are one text: expected a list.")
    for secret in secrets:
        parseSecret(secret)
    return tuple(secrets)


def checkNames(callbacks: Sequence[Callback]) -> None:
    """
    Check what can be wrong with callbacks that are good by themselves.

    @raise ValueError: The message says what to do.
    """
    for name, times in Counter(each.name for each in callbacks).items():
        if times > 1:
            hint = ", and the one of callback-url has it" if name == DEFAULT else ""
            raise ValueError(
                f"{times} callbacks have the name {name}{hint}: each needs its own."
            )
