"""
The configuration: frozen values, each with the words a person needs to set it.

One field is one setting (see L{setting<xmpprest.config.setting>}), but for the secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.media import formats
from ..core.policy.authentication import parseCredential
from ..core.stanza.build import TYPES
from ..core.webhook.conversation_key import DEFAULT
from . import parsers
from .callback import (
    EVENTS,
    MAX_BATCH,
    CallbackConfig,
    checkUniqueNames,
    validateSigningSecrets,
)
from .setting import normaliseFields, setting, settingsOf
from .tokens import TokenConfig, checkUniqueTokens


class ConfigurationError(ValueError):
    """The gateway cannot start; the message says, in one sentence, what to change."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    What a gateway needs to know. Values are checked, so that one that exists is
    good; the settings are described where each is set, below and in C{--help}.

    @ivar secret: What the XMPP server knows the component by.
    @ivar credentials: The tokens that may do everything; of C{Bearer TOKEN}, the
        C{TOKEN}.
    @ivar tokens: Those that may do what each of them says. There is one of these, or
        a credential.
    @ivar callbacks: Those that have each their own settings. The first of all that
        wants a stanza gets it, and the one of C{callbackURL} comes last.
    @ivar callbackSigningSecrets: What each post to the callback is signed with, all of
        them at once (see L{core.signing<xmpprest.core.webhook.signing>}); it may be
        none.
    @raise ValueError: A value is bad, or is missing; the message says what to do.
    """

    domain: str = setting(
        parsers.domain, "The component domain that the gateway serves.", restart=True
    )
    secret: str = field(repr=False)
    credentials: tuple[str, ...] = field(default=(), repr=False)
    tokens: tuple[TokenConfig, ...] = ()
    callbacks: tuple[CallbackConfig, ...] = ()
    callbackSigningSecrets: tuple[str, ...] = field(default=(), repr=False)
    server: str = setting(
        parsers.singleLine,
        "Where the XMPP server listens for components, as a Twisted client endpoint.",
        "tcp:127.0.0.1:5347",
        restart=True,
    )
    listen: tuple[str, ...] = setting(
        parsers.singleLine,
        "Where to listen for HTTP, as a Twisted server endpoint; may be repeated.",
        ("tcp:8080:interface=127.0.0.1",),
        restart=True,
    )
    adminListen: str | None = setting(
        parsers.adminEndpoint,
        "Where operators find /metrics, /livez and /readyz without credentials: a port"
        " on loopback, or a Twisted server endpoint.",
        restart=True,
    )
    logFormat: str | None = setting(
        parsers.oneOf("text", "json"),
        "How the log is written: as text, or as json, one object a line; if not given,"
        " as twist or twistd does.",
        restart=True,
    )
    logRequests: str = setting(
        parsers.oneOf("no", "yes"),
        "Whether each request, and each try to deliver to a callback, has a line in"
        " the log: yes or no.",
        "no",
    )
    callbackURL: str | None = setting(
        parsers.url,
        "Where inbound stanzas are posted; may hold {kind}, {type}, {to}, {from}.",
        repr=False,
    )
    callbackContentType: str = setting(
        parsers.outputType, "What inbound stanzas are posted as.", formats.XML
    )
    callbackStanzas: frozenset[str] = setting(
        parsers.choices(*TYPES), "Which kinds of stanza are posted.", frozenset(TYPES)
    )
    callbackEvents: frozenset[str] = setting(
        parsers.choices(*EVENTS),
        "Stanzas to which form of address are posted: bare (user@domain), full (with"
        " a resource), host (the domain).",
        frozenset(EVENTS),
    )
    callbackConnections: int = setting(
        parsers.positiveInteger,
        "How many requests to the callback may be in flight.",
        32,
    )
    callbackBatch: int = setting(
        parsers.integerUpTo(MAX_BATCH),
        "How many stanzas of different conversations one request to the callback may"
        " have, as lines of JSON; with 1 each has its own.",
        1,
    )
    callbackCAFile: str | None = setting(
        parsers.singleLine,
        "A PEM file with the CAs of an https callback, instead of the system's.",
    )
    iqTimeout: float = setting(
        parsers.seconds, "How many seconds an iq waits for its reply.", 120.0
    )
    iqMaxTimeout: float = setting(
        parsers.seconds, "How many seconds a client may make an iq wait.", 300.0
    )
    stanzaSizeLimit: int = setting(
        parsers.positiveInteger,
        "How many bytes a stanza may have over HTTP.",
        192 * 1024,
    )
    waitingLimit: int = setting(
        parsers.positiveInteger, "How many requests may wait for their answers.", 10_000
    )
    store: str = setting(
        parsers.store,
        "Where what was accepted is kept until it is done with: sqlite:PATH, a file,"
        " or memory, which does not survive the gateway.",
        "sqlite:xmpprest.db",
        restart=True,
    )
    outboxLimit: int = setting(
        parsers.positiveInteger,
        "How many messages may wait for the XMPP server.",
        100_000,
    )
    outboxAge: float = setting(
        parsers.seconds,
        "How many seconds the oldest of them may wait before new ones are refused.",
        86400.0,
    )
    recordDays: float = setting(
        parsers.days,
        "How many days the record of a message sent or delivered is kept.",
        7.0,
    )
    deadDays: float = setting(
        parsers.days,
        "How many days a message is kept that could not be delivered to the callback.",
        30.0,
    )
    corsOrigin: tuple[str, ...] = setting(
        parsers.origin,
        "An origin that may use the gateway from a browser, or *; may be repeated.",
        (),
    )
    name: str = setting(
        parsers.singleLine,
        "What the gateway calls itself in service discovery.",
        "xmpprest",
    )

    def __post_init__(self) -> None:
        normaliseFields(self)
        if not self.secret.strip():
            raise ValueError("The component's secret is empty.")
        if isinstance(self.credentials, str):
            raise ValueError("The credentials are one text: expected a list of tokens.")
        self._set("credentials", tuple(self.credentials))
        self._set("tokens", tuple(self.tokens))
        if not self.credentials and not self.tokens:
            raise ValueError("There is no credential, so nobody could send.")
        for token in self.credentials:
            parseCredential(f"Bearer {token}")
        checkUniqueTokens(self.tokens, self.domain)
        secrets = validateSigningSecrets(self.callbackSigningSecrets)
        self._set("callbackSigningSecrets", secrets)
        self._set("callbacks", tuple(self.callbacks))
        checkUniqueNames(self.allCallbacks)
        if self.iqTimeout > self.iqMaxTimeout:
            raise ValueError(
                f"iq-timeout is {self.iqTimeout:g} s, and iq-max-timeout only"
                f" {self.iqMaxTimeout:g} s: expected an iq-timeout of at most that."
            )

    @property
    def allCallbacks(self) -> tuple[CallbackConfig, ...]:
        """Every callback, in the order in which they are asked what they want."""
        if self.callbackURL is None:
            return self.callbacks
        return (
            *self.callbacks,
            CallbackConfig(
                name=DEFAULT,
                url=self.callbackURL,
                contentType=self.callbackContentType,
                stanzas=self.callbackStanzas,
                events=self.callbackEvents,
                connections=self.callbackConnections,
                batch=self.callbackBatch,
                caFile=self.callbackCAFile,
                signingSecrets=self.callbackSigningSecrets,
            ),
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


#: Every setting but the secrets, in the order of the help.
SETTINGS = settingsOf(Config)
