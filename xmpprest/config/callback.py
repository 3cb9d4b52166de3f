"""Settings of one callback: its URL and the inbound stanzas that it receives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.media import formats
from ..core.stanza.build import TYPES
from ..core.stanza.jid_pattern import normalisePattern
from ..core.updates import PULL_URL
from ..core.webhook.conversation_key import DEFAULT
from ..core.webhook.signing import parseSecret
from . import parsers
from .setting import normaliseFields, setting

EVENTS = ("bare", "full", "host")

#: Maximum stanzas per POST; each of them waits for the slowest.
MAX_BATCH = 100
#: Concurrent requests to a callback by default.
CONNECTIONS = 32


@dataclass(frozen=True, kw_only=True)
class CallbackConfig:
    """
    Settings of one callback, checked like those of
    L{Config<xmpprest.config.config.Config>}.

    @ivar signingSecrets: The secrets that sign each POST, all of them at once (see
        L{core.signing<xmpprest.core.webhook.signing>}); empty for unsigned requests.
    @raise ValueError: A value is invalid or missing; the message says what to change.
    """

    name: str = setting(
        parsers.shortName, "The name of the callback in the log and in responses."
    )
    url: str = setting(
        parsers.url,
        "The URL to which stanzas are POSTed; may contain {kind}, {type}, {to} and"
        " {from}. pull: for a client that fetches them.",
        repr=False,
    )
    contentType: str = setting(
        parsers.outputType, "The format of each POST.", formats.XML
    )
    stanzas: frozenset[str] = setting(
        parsers.choices(*TYPES),
        "The kinds of stanza that the callback receives.",
        frozenset(TYPES),
    )
    events: frozenset[str] = setting(
        parsers.choices(*EVENTS),
        "Forms of the recipient's address: bare (user@domain), full (with a resource),"
        " host (the domain).",
        frozenset(EVENTS),
    )
    to: tuple[str, ...] = setting(
        normalisePattern,
        "The recipients whose stanzas the callback receives.",
        ("*",),
        show=str,
    )
    connections: int = setting(
        parsers.positiveInteger,
        "Maximum number of concurrent requests to the callback.",
        CONNECTIONS,
    )
    batch: int = setting(
        parsers.integerUpTo(MAX_BATCH),
        "Maximum number of stanzas in one request, each of another conversation, as"
        " lines of JSON; 1 turns batches off.",
        1,
    )
    reflections: bool = setting(
        parsers.boolean,
        "Whether it gets the messages that a room sends back to their author, marked"
        " with the key reflection; not with XML.",
        False,
    )
    occupants: bool = setting(
        parsers.boolean,
        "Whether it gets the presence of the occupants of rooms that a bot is in by PUT"
        " /rest/rooms.",
        False,
    )
    caFile: str | None = setting(
        parsers.singleLine,
        "A PEM file with the CAs for an https URL, instead of the system's.",
    )
    signingSecrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        normaliseFields(self)
        for each in ("name", "url"):
            if getattr(self, each) is None:
                raise ValueError(
                    f"A callback has no {each}: add the key {each} to its table."
                )
        if self.isPull:
            self._refuseRequestSettings()
        elif self.reflections and self.contentType == formats.XML:
            raise ValueError(
                "A callback with reflections gets XML, which cannot mark them: set its"
                " content type to json or application/cbor, or reflections to false."
            )
        object.__setattr__(
            self, "signingSecrets", validateSigningSecrets(self.signingSecrets)
        )

    @property
    def isPull(self) -> bool:
        """Whether a client fetches its stanzas, and the gateway sends no requests."""
        return self.url == PULL_URL

    def _refuseRequestSettings(self) -> None:
        """
        Refuse settings of requests that a pull callback never gets.

        @raise ValueError: There is one; the message names it.
        """
        known = (
            ("content-type", self.contentType in (formats.XML, formats.JSON)),
            ("connections", self.connections == CONNECTIONS),
            ("batch", self.batch == 1),
            ("ca-file", self.caFile is None),
            ("signing-secret-file", not self.signingSecrets),
        )
        for key, isDefault in known:
            if not isDefault:
                raise ValueError(
                    f"The callback {self.name} has the URL {PULL_URL}, so it gets no"
                    f" requests, and {key} has no effect: remove {key}."
                )


def validateSigningSecrets(secrets: Sequence[str]) -> tuple[str, ...]:
    """
    Return the signing secrets if all of them are valid.

    @raise ValueError: A secret is malformed; the message does not repeat it.
    """
    if isinstance(secrets, str):
        raise ValueError("The signing secrets are a text: expected a list.")
    for secret in secrets:
        parseSecret(secret)
    return tuple(secrets)


def checkUniqueNames(callbacks: Sequence[CallbackConfig]) -> None:
    """
    Check that no two callbacks share a name.

    @raise ValueError: Two do; the message says what to change.
    """
    for name, times in Counter(each.name for each in callbacks).items():
        if times > 1:
            hint = ", and the one of callback-url has it" if name == DEFAULT else ""
            raise ValueError(
                f"{times} callbacks have the name {name}{hint}: each needs its own."
            )
