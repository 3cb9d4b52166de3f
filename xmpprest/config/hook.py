"""Settings of one hook: the webhooks that it accepts and the messages that it sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..core.hooks.shapes import AUTO, SHAPE_NAMES, SHAPES
from ..core.hooks.template import NO_TEMPLATES, hasTemplates
from ..core.stanza import jid
from . import parsers
from .setting import normaliseFields, setting

#: The types of message that a hook can send.
TYPES = ("chat", "groupchat", "headline", "normal")


def address(written: str) -> str:
    """Parse an XMPP address and return its normalised form."""
    try:
        return str(jid.parseJID(written))
    except ValueError as error:
        raise ValueError(
            f"expected an address like user@example.org ({error})"
        ) from None


@dataclass(frozen=True, kw_only=True)
class HookConfig:
    """
    Settings of one hook, checked like those of
    L{Config<xmpprest.config.config.Config>}.

    @ivar signingSecrets: The secrets of which one must have signed each request; empty
        for unsigned requests.
    @raise ValueError: A value is invalid or missing; the message says what to change.
    """

    name: str = setting(
        parsers.shortName, "The name of the hook in its URL and in the log."
    )
    secretSha256: tuple[str, ...] = setting(
        parsers.hashOf("xmpprest hook NAME"),
        "The SHA-256 of the secret in the URL; several during a rotation.",
        (),
        show=parsers.redactHash,
    )
    to: tuple[str, ...] = setting(
        address, "The addresses that get each message.", (), show=str
    )
    from_: str | None = setting(
        address,
        "The sender of the messages, at the component's domain; the domain itself by"
        " default.",
        show=str,
    )
    type: str = setting(
        parsers.oneOf(*TYPES),
        "The type of the messages: chat, headline, normal, or groupchat for a room.",
        "chat",
    )
    shape: str = setting(
        parsers.oneOf(*SHAPE_NAMES),
        f"The form of the webhooks: {', '.join(SHAPE_NAMES)}.",
        AUTO,
    )
    template: str | None = setting(
        parsers.singleLine,
        "A template file, or a directory of template files, instead of the built-in"
        " templates.",
    )
    rate: float | None = setting(
        parsers.duration("requests per second"),
        "Maximum number of requests per second.",
    )
    burst: int | None = setting(
        parsers.positiveInteger,
        "Maximum number of requests at once after a pause.",
    )
    signingSecrets: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        normaliseFields(self)
        if self.name is None:
            raise ValueError("A hook has no name: add the key name to its table.")
        if not self.secretSha256:
            raise ValueError(
                f"The hook {self.name} has no secret-sha256: run 'xmpprest hook"
                f" {self.name}' to create the URL and its hash."
            )
        if not self.to:
            raise ValueError(
                f"The hook {self.name} has no recipient: add the key to with one"
                " address or several."
            )
        if self.burst is not None and self.rate is None:
            raise ValueError(
                f"The hook {self.name} has a burst but no rate: add a rate, or remove"
                " the burst."
            )
        self._checkTemplates()
        self._checkSignature()

    def _checkTemplates(self) -> None:
        """Refuse a hook that needs Jinja2 if that is not installed."""
        isNeeded = self.shape == AUTO or SHAPES[self.shape].needsTemplates
        if not hasTemplates and (isNeeded or self.template is not None):
            raise ValueError(f"The hook {self.name} needs templates. {NO_TEMPLATES}.")

    def _checkSignature(self) -> None:
        """Refuse signing secrets for a shape whose sender does not sign."""
        if isinstance(self.signingSecrets, str):
            raise ValueError("The signing secrets are a text: expected a list.")
        object.__setattr__(self, "signingSecrets", tuple(self.signingSecrets))
        if not self.signingSecrets:
            return
        signed = [name for name, each in sorted(SHAPES.items()) if each.check]
        if self.shape not in signed:
            raise ValueError(
                f"The hook {self.name} has a signing-secret-file, and its shape is"
                f" {self.shape}: name the shape of a sender that signs, one of"
                f" {', '.join(signed)}, or remove the key."
            )


def checkUniqueHooks(hooks: Sequence[HookConfig], domain: str) -> None:
    """
    Check hooks against each other and against the component domain.

    @param domain: The component domain in its normalised form.
    @raise ValueError: Two hooks conflict, or one sends from another domain; the message
        says what to change.
    """
    for name, times in Counter(each.name for each in hooks).items():
        if times > 1:
            raise ValueError(
                f"{times} hooks have the name {name}: each needs its own. 'xmpprest"
                " hook' appends a table each time it runs."
            )
    for hook in hooks:
        if hook.from_ is not None and jid.parseJID(hook.from_).domain != domain:
            raise ValueError(
                f"The hook {hook.name} has {hook.from_} in 'from', but the gateway"
                f" sends only from {domain}: expected an address at that domain."
            )
