"""
The configuration: frozen values, each with the words a person needs to set it.

One field is one setting: its name, its flag, its environment variable and its key
in a TOML file follow from it, and how its text is read stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import Field, dataclass, field, fields
from typing import Any

from . import readers
from .core import media
from .core.auth import parseCredential
from .core.signing import parseSecret
from .core.stanza import TYPES

EVENTS = ("bare", "full", "host")


class ConfigurationError(ValueError):
    """The gateway cannot start; the message says, in one sentence, what to change."""


def _setting(
    read: readers.Reader, help: str, default: Any = None, **options: Any
) -> Any:
    """
    A field of L{Config}.

    @param read: Reads its text.
    @param help: One sentence for C{--help}.
    @param default: Of the value, not of the text; a tuple means it may be repeated.
    @param options: For L{field}.
    """
    return field(default=default, metadata={"read": read, "help": help}, **options)


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    What a gateway needs to know. Values are checked, so that one that exists is
    good; the settings are described where each is set, below and in C{--help}.

    @ivar secret: What the XMPP server knows the component by.
    @ivar credentials: The tokens that may send; of C{Bearer TOKEN}, the C{TOKEN}.
    @ivar callbackSigningSecrets: What each post to the callback is signed with, all of
        them at once (see L{core.signing<xmpprest.core.signing>}); it may be none.
    @raise ValueError: A value is bad, or is missing; the message says what to do.
    """

    domain: str = _setting(
        readers.domain, "The component domain that the gateway serves."
    )
    secret: str = field(repr=False)
    credentials: tuple[str, ...] = field(repr=False)
    callbackSigningSecrets: tuple[str, ...] = field(default=(), repr=False)
    server: str = _setting(
        readers.line,
        "Where the XMPP server listens for components, as a Twisted client endpoint.",
        "tcp:127.0.0.1:5347",
    )
    listen: tuple[str, ...] = _setting(
        readers.line,
        "Where to listen for HTTP, as a Twisted server endpoint; may be repeated.",
        ("tcp:8080:interface=127.0.0.1",),
    )
    callbackURL: str | None = _setting(
        readers.url,
        "Where inbound stanzas are posted; may hold {kind}, {type}, {to}, {from}.",
        repr=False,
    )
    callbackContentType: str = _setting(
        readers.outputType, "What inbound stanzas are posted as.", media.XML
    )
    callbackStanzas: frozenset[str] = _setting(
        readers.choices(*TYPES), "Which kinds of stanza are posted.", frozenset(TYPES)
    )
    callbackEvents: frozenset[str] = _setting(
        readers.choices(*EVENTS),
        "Stanzas to which form of address are posted: bare (user@domain), full (with"
        " a resource), host (the domain).",
        frozenset(EVENTS),
    )
    callbackConnections: int = _setting(
        readers.count, "How many requests to the callback may be in flight.", 32
    )
    callbackCAFile: str | None = _setting(
        readers.line,
        "A PEM file with the CAs of an https callback, instead of the system's.",
    )
    iqTimeout: float = _setting(
        readers.seconds, "How many seconds an iq waits for its reply.", 120.0
    )
    iqMaxTimeout: float = _setting(
        readers.seconds, "How many seconds a client may make an iq wait.", 300.0
    )
    stanzaSizeLimit: int = _setting(
        readers.count, "How many bytes a stanza may have over HTTP.", 192 * 1024
    )
    waitingLimit: int = _setting(
        readers.count, "How many requests may wait for their answers.", 10_000
    )
    store: str = _setting(
        readers.store,
        "Where what was accepted is kept until it is done with: sqlite:PATH, a file,"
        " or memory, which does not survive the gateway.",
        "sqlite:xmpprest.db",
    )
    outboxLimit: int = _setting(
        readers.count, "How many messages may wait for the XMPP server.", 100_000
    )
    outboxAge: float = _setting(
        readers.seconds,
        "How many seconds the oldest of them may wait before new ones are refused.",
        86400.0,
    )
    recordDays: float = _setting(
        readers.days,
        "How many days the record of a message sent or delivered is kept.",
        7.0,
    )
    deadDays: float = _setting(
        readers.days,
        "How many days a message is kept that could not be delivered to the callback.",
        30.0,
    )
    corsOrigin: tuple[str, ...] = _setting(
        readers.origin,
        "An origin that may use the gateway from a browser, or *; may be repeated.",
        (),
    )
    name: str = _setting(
        readers.line, "What the gateway calls itself in service discovery.", "xmpprest"
    )

    def __post_init__(self) -> None:
        for each in SETTINGS:
            self._set(each.field.name, each.checked(getattr(self, each.field.name)))
        if not self.secret.strip():
            raise ValueError("The component's secret is empty.")
        if isinstance(self.credentials, str):
            raise ValueError("The credentials are one text: expected a list of tokens.")
        self._set("credentials", tuple(self.credentials))
        if not self.credentials:
            raise ValueError("There is no credential, so nobody could send.")
        for token in self.credentials:
            parseCredential(f"Bearer {token}")
        if isinstance(self.callbackSigningSecrets, str):
            raise ValueError("The signing secrets are one text: expected a list.")
        self._set("callbackSigningSecrets", tuple(self.callbackSigningSecrets))
        for secret in self.callbackSigningSecrets:
            parseSecret(secret)
        if self.iqTimeout > self.iqMaxTimeout:
            raise ValueError(
                f"iq-timeout is {self.iqTimeout:g} s, and iq-max-timeout only"
                f" {self.iqMaxTimeout:g} s: expected an iq-timeout of at most that."
            )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Setting:
    """
    A setting that may stand in a flag, a variable, a file.

    @ivar field: Where its value goes in L{Config}.
    """

    field: Field[Any]

    @property
    def name(self) -> str:
        """As a flag without its dashes, and as a key: C{callback-url}."""
        return flagName(self.field.name)

    @property
    def help(self) -> str:
        """One sentence."""
        return str(self.field.metadata["help"])

    @property
    def repeatable(self) -> bool:
        """Whether it holds several values."""
        return isinstance(self.field.default, tuple)

    @property
    def optional(self) -> bool:
        """Whether there may be no value at all."""
        return self.field.default is None and self.name != "domain"

    def read(self, texts: list[str]) -> Any:
        """
        Make a value of what somebody wrote.

        @param texts: The elements of a list, or one text.
        @raise ValueError: What was expected instead.
        """
        read: readers.Reader = self.field.metadata["read"]
        if not self.repeatable:
            return read(",".join(texts))
        if self.field.default and not texts:
            raise ValueError("expected at least one")
        return tuple(map(read, texts))

    def checked(self, value: Any) -> Any:
        """
        Check a value that a program gave.

        @return: The value, in its normal form.
        @raise ValueError: It is bad.
        """
        if value is None and self.optional:
            return None
        texts = self.write(value)
        try:
            return self.read(texts)
        except ValueError as error:
            shown = readers.redacted(" ".join(texts))
            raise ValueError(f"{self.name} is {shown!r}: {error}.") from None

    def write(self, value: Any) -> list[str]:
        """The value as somebody would write it, in one text or several."""
        if value is None:
            return []
        if isinstance(value, str) or not isinstance(value, Iterable):
            return [_number(value) if isinstance(value, float) else str(value)]
        texts = map(str, value)
        return list(texts) if self.repeatable else [",".join(sorted(texts))]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def flagName(name: str) -> str:
    """C{callbackCAFile} as C{callback-ca-file}."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return "-".join(words).lower()


#: Every setting but the secrets, in the order of the help.
SETTINGS = tuple(Setting(each) for each in fields(Config) if each.metadata)
