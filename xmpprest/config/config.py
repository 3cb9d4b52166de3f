"""
The configuration: frozen values, each with the sentence that C{--help} shows.

One field is one setting (see L{setting<xmpprest.config.setting>}), except for secrets.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.media import formats
from ..core.policy.authentication import parseCredential
from ..core.policy.key_quota import KEY_LIMIT
from ..core.stanza.build import TYPES
from ..core.stanza.jid_pattern import normalisePattern
from ..core.webhook.conversation_key import DEFAULT
from . import parsers
from .callback import (
    CONNECTIONS,
    EVENTS,
    MAX_BATCH,
    CallbackConfig,
    checkUniqueNames,
    validateSigningSecrets,
)
from .hook import HookConfig, checkUniqueHooks
from .setting import normaliseFields, setting, settingsOf
from .tokens import TokenConfig, checkTokenCallbacks, checkUniqueTokens


class ConfigurationError(ValueError):
    """The gateway cannot start; the message says, in one sentence, what to change."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """
    The configuration of a gateway. Values are checked on construction, so every
    instance is valid. Each setting is described where it is defined, below, and in
    C{--help}.

    @ivar secret: The shared secret of the component (XEP-0114).
    @ivar credentials: Tokens with full access; the C{TOKEN} of C{Bearer TOKEN}.
    @ivar tokens: Tokens with limited permissions. At least one token or credential is
        required.
    @ivar callbacks: Callbacks with settings of their own. A stanza goes to the first
        one that selects it; the callback of C{callbackURL} comes last.
    @ivar hooks: The hooks, which turn webhooks of other programs into messages.
    @ivar callbackSigningSecrets: The secrets that sign each POST to C{callbackURL}, all
        of them at once (see L{core.signing<xmpprest.core.webhook.signing>}); may be
        empty.
    @ivar storePassword: The password of the role in the database; C{None} if C{store}
        has it, or libpq finds it.
    @raise ValueError: A value is invalid or missing; the message says what to change.
    """

    domain: str = setting(
        parsers.domain,
        "The component's domain, for example gateway.example.org.",
        restart=True,
        show=str,
    )
    secret: str = field(repr=False)
    credentials: tuple[str, ...] = field(default=(), repr=False)
    tokens: tuple[TokenConfig, ...] = ()
    callbacks: tuple[CallbackConfig, ...] = ()
    hooks: tuple[HookConfig, ...] = ()
    callbackSigningSecrets: tuple[str, ...] = field(default=(), repr=False)
    storePassword: str | None = field(default=None, repr=False)
    server: str = setting(
        parsers.singleLine,
        "The XMPP server's port for components, as a Twisted client endpoint.",
        "tcp:127.0.0.1:5347",
        restart=True,
    )
    listen: tuple[str, ...] = setting(
        parsers.singleLine,
        "The port for HTTP, as a Twisted server endpoint; may be repeated.",
        ("tcp:8080:interface=127.0.0.1",),
        restart=True,
    )
    adminListen: str | None = setting(
        parsers.adminEndpoint,
        "Serve /metrics, /livez and /readyz without credentials here: a port on"
        " loopback, or a Twisted server endpoint.",
        restart=True,
    )
    logFormat: str = setting(
        parsers.oneOf("text", "json"),
        "The format of the log: text, or json with one object per line.",
        "text",
        restart=True,
    )
    logRequests: str = setting(
        parsers.oneOf("no", "yes"),
        "Log each request and each delivery attempt to a callback: yes or no.",
        "no",
    )
    callbackURL: str | None = setting(
        parsers.url,
        "POST inbound stanzas to this URL; may contain {kind}, {type}, {to} and"
        " {from}. pull: lets a client fetch them from /rest/updates.",
        repr=False,
    )
    callbackContentType: str = setting(
        parsers.outputType, "The format of each POST to the callback.", formats.XML
    )
    callbackStanzas: frozenset[str] = setting(
        parsers.choices(*TYPES),
        "The kinds of stanza that are POSTed to the callback.",
        frozenset(TYPES),
    )
    callbackEvents: frozenset[str] = setting(
        parsers.choices(*EVENTS),
        "POST stanzas whose recipient's address has one of these forms: bare"
        " (user@domain), full (with a resource), host (the domain).",
        frozenset(EVENTS),
    )
    callbackConnections: int = setting(
        parsers.positiveInteger,
        "Maximum number of concurrent requests to the callback.",
        CONNECTIONS,
    )
    callbackBatch: int = setting(
        parsers.integerUpTo(MAX_BATCH),
        "Maximum number of stanzas in one request to the callback, each of another"
        " conversation, as lines of JSON; 1 turns batches off.",
        1,
    )
    callbackReflections: bool = setting(
        parsers.boolean,
        "Whether the callback gets the messages that a room sends back to their author,"
        " marked with the key reflection; not with XML.",
        False,
    )
    callbackOccupants: bool = setting(
        parsers.boolean,
        "Whether the callback gets the presence of the occupants of rooms that a bot is"
        " in by PUT /rest/rooms.",
        False,
    )
    callbackCAFile: str | None = setting(
        parsers.singleLine,
        "A PEM file with the CAs for an https callback, instead of the system's.",
    )
    iqTimeout: float = setting(
        parsers.seconds, "Seconds that an iq waits for its reply.", 120.0
    )
    iqMaxTimeout: float = setting(
        parsers.seconds,
        "Maximum number of seconds that a request can make an iq wait.",
        300.0,
    )
    stanzaSizeLimit: int = setting(
        parsers.positiveInteger,
        "Maximum size of a stanza over HTTP, in bytes.",
        192 * 1024,
    )
    hookSizeLimit: int = setting(
        parsers.positiveInteger,
        "Maximum size of a request to a hook, in bytes.",
        2**20,
    )
    waitingLimit: int = setting(
        parsers.positiveInteger,
        "Maximum number of HTTP requests that wait for their responses.",
        10_000,
    )
    store: str = setting(
        parsers.store,
        "Where accepted stanzas are stored: sqlite:PATH for a file,"
        " postgresql://ROLE@HOST/DATABASE for a database, or memory, which is lost"
        " when the gateway stops.",
        "sqlite:xmpprest.db",
        parsers.redactStore,
        restart=True,
        repr=False,
    )
    outboxLimit: int = setting(
        parsers.positiveInteger,
        "Maximum number of messages that wait for the XMPP server.",
        100_000,
    )
    outboxSize: int = setting(
        parsers.positiveInteger,
        "Maximum size of the messages that wait for the XMPP server, in bytes.",
        2**30,
    )
    outboxAge: float = setting(
        parsers.seconds,
        "Refuse new messages while the oldest one has waited for longer than this, in"
        " seconds.",
        86400.0,
    )
    inboxLimit: int = setting(
        parsers.positiveInteger,
        "Maximum number of stored stanzas that wait for one callback; a sender or a"
        " domain may hold half of it.",
        100_000,
    )
    inboxSize: int = setting(
        parsers.positiveInteger,
        "Maximum size of the stored stanzas that wait for one callback, in bytes.",
        2**30,
    )
    uploadService: str | None = setting(
        parsers.domain,
        "The address of the upload service for files, as upload.example.org; by default"
        " the XMPP server is asked for one.",
    )
    uploadSizeLimit: int = setting(
        parsers.positiveInteger,
        "Maximum size of the files of one request, in bytes; the upload service has a"
        " limit of its own.",
        100_000_000,
    )
    replyLimit: int = setting(
        parsers.positiveInteger,
        "Maximum number of automatic replies to one sender in 10 seconds; in an hour 20"
        " times as many.",
        30,
    )
    recordDays: float = setting(
        parsers.days,
        "Days to keep the record of a sent or delivered message.",
        7.0,
    )
    recordLimit: int = setting(
        parsers.positiveInteger,
        "Maximum number of records of sent and delivered messages, the oldest of which"
        " are deleted first, and of idempotency keys, which are not deleted early.",
        KEY_LIMIT,
    )
    deadDays: float = setting(
        parsers.days,
        "Days to keep a message that could not be delivered to the callback.",
        30.0,
    )
    corsOrigin: tuple[str, ...] = setting(
        parsers.origin,
        "An origin whose web pages may use the gateway, or *; may be repeated.",
        (),
    )
    roomsAccept: tuple[str, ...] = setting(
        normalisePattern,
        "An address whose invitations to rooms are accepted, or a pattern such as"
        " *@example.org; may be repeated.",
        (),
    )
    name: str = setting(
        parsers.singleLine,
        "The gateway's name in service discovery.",
        "xmpprest",
    )

    def __post_init__(self) -> None:
        normaliseFields(self)
        if not self.secret.strip():
            raise ValueError("The component's secret is empty.")
        if isinstance(self.credentials, str):
            raise ValueError("The credentials are a text: expected a list of tokens.")
        self._set("credentials", tuple(self.credentials))
        self._set("tokens", tuple(self.tokens))
        if not self.credentials and not self.tokens:
            raise ValueError(
                "There are no credentials and no tokens, so no client could send."
            )
        for token in self.credentials:
            parseCredential(f"Bearer {token}")
        checkUniqueTokens(self.tokens, self.domain)
        secrets = validateSigningSecrets(self.callbackSigningSecrets)
        self._set("callbackSigningSecrets", secrets)
        self._set("callbacks", tuple(self.callbacks))
        checkUniqueNames(self.allCallbacks)
        checkTokenCallbacks(self.tokens, [each.name for each in self.allCallbacks])
        for callback in self.allCallbacks:
            if callback.isPull and self.store == "memory":
                raise ValueError(
                    f"The callback {callback.name} has the URL {callback.url}, so its"
                    f" stanzas wait in the store, but store is memory: set store to"
                    " sqlite:PATH."
                )
        self._set("hooks", tuple(self.hooks))
        checkUniqueHooks(self.hooks, self.domain)
        if self.iqTimeout > self.iqMaxTimeout:
            raise ValueError(
                f"iq-timeout is {self.iqTimeout:g} s, which is more than iq-max-timeout"
                f" ({self.iqMaxTimeout:g} s): lower the first, or raise the second."
            )

    @property
    def allCallbacks(self) -> tuple[CallbackConfig, ...]:
        """
        Return every callback, in the order in which they are matched against a stanza.
        """
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
                reflections=self.callbackReflections,
                occupants=self.callbackOccupants,
                caFile=self.callbackCAFile,
                signingSecrets=self.callbackSigningSecrets,
            ),
        )

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


#: Every setting except the secrets, in the order of the help.
SETTINGS = settingsOf(Config)
