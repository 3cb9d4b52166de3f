"""A hook: turns the webhooks of one sender into messages."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from twisted.words.xish.domish import Element

from ..errors import Problem, Refusal, unprocessable
from ..policy.permissions import Grant
from ..stanza import namespaces as ns
from ..stanza.build import element, make
from . import signatures
from .limits import SMALL_PAYLOAD, TemplateError, prune
from .notice import Notice, layout
from .request import HookRequest
from .shapes import AUTO, SHAPES, HookReply, Shape, detect
from .template import Template

#: The template of a shape or event that has none of its own.
DEFAULT_TEMPLATE = "default"
#: Longest name of an event that is looked up among the templates.
_MAX_EVENT = 64


class HookMessage(NamedTuple):
    """
    The message that a request becomes.

    @ivar body: The text.
    @ivar notice: The data extracted from the request.
    @ivar failure: The reason why the template failed, so that the default layout was
        used;
        C{None} if no template failed.
    """

    shape: str
    body: str
    notice: Notice
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hook:
    """
    A hook.

    @ivar secrets: The SHA-256 of each secret that its URL may have.
    @ivar to: The recipients of its messages.
    @ivar type: The type of its messages: C{chat}, C{groupchat}, C{normal} or
        C{headline}.
    @ivar shape: The name of the shape of its requests, or C{auto}.
    @ivar templates: The templates by name: C{"github/push"}, C{"github"}, C{"default"}.
    @ivar signingSecrets: The secrets of which one must have signed a request; empty if
        requests are not signed.
    @ivar grant: What its messages may do, with the rate limit.
    """

    name: str
    secrets: Sequence[bytes] = field(repr=False)
    to: Sequence[str]
    sender: str
    type: str
    shape: str
    templates: Mapping[str, Template] = field(repr=False)
    signingSecrets: Sequence[str] = field(default=(), repr=False)
    grant: Grant

    def shapeOf(self, request: HookRequest) -> str:
        """Return the name of the shape of a request."""
        return detect(request) if self.shape == AUTO else self.shape

    def verify(self, request: HookRequest, now: float) -> None:
        """
        Check the signature of a request.

        @param now: In seconds since 1970.
        @raise Refusal: 401, none of the signing secrets has signed it.
        """
        if not self.signingSecrets:
            return
        check = SHAPES[self.shape].check
        assert check is not None, "the configuration allows none without a check"
        if not signatures.isSigned(check, request, self.signingSecrets, now):
            raise Refusal(
                Problem(
                    401,
                    "auth",
                    "not-authorized",
                    "The request is not signed with the secret of this hook, or its"
                    " timestamp is more than five minutes away from the gateway's"
                    " clock.",
                )
            )

    def message(self, request: HookRequest) -> HookMessage:
        """
        Return the message that a request becomes.

        @raise Refusal: 422, the request has no text.
        """
        name = self.shapeOf(request)
        notice = SHAPES[name].notice(request)
        template = self._template(name, notice.event)
        body, failure = "", None
        if template is not None:
            try:
                body = template.render(_variables(name, notice, request))
            except TemplateError as error:
                failure = str(error)
            else:
                if not body:
                    failure = f"{template.name} made an empty message"
        body = body or layout(notice)
        if not body:
            raise unprocessable("bad-format", "The request has no text to send.")
        return HookMessage(name, body, notice, failure)

    def _template(self, shape: str, event: str) -> Template | None:
        """Return the most specific template; C{None} if no template applies."""
        event = event[:_MAX_EVENT]
        found = self.templates.get(f"{shape}/{event}") if event else None
        if found is None:
            found = self.templates.get(shape)
        if found is None and SHAPES[shape].needsTemplates:
            found = self.templates.get(DEFAULT_TEMPLATE)
        return found

    def stanzas(self, body: str, newID: Callable[[], str]) -> list[Element]:
        """
        Return a message for each recipient.

        @param newID: Generates an unguessable id.
        """
        return [
            make(
                "message",
                {"to": to, "from": self.sender, "id": newID(), "type": self.type},
                [element(ns.CLIENT, "body", None, [body])],
            )
            for to in self.to
        ]


def _variables(shape: str, notice: Notice, request: HookRequest) -> dict[str, Any]:
    """Return what a template reads: the facts, and the payload as it was sent."""
    payload = request.value
    if len(request.body) > SMALL_PAYLOAD:
        payload = prune(payload)
    variables = notice.variables()
    variables["shape"] = shape
    variables["payload"] = request.text[:SMALL_PAYLOAD] if payload is None else payload
    return variables


def answer(message: HookMessage, id: str, request: HookRequest) -> HookReply:
    """Return the response to a request whose message is stored."""
    return SHAPES[message.shape].answer(id, request, message.notice)


def deliveryID(shape: Shape, request: HookRequest) -> str:
    """Return the sender's id of a delivery; empty if there is none."""
    return request.header("idempotency-key", *shape.deliveryHeaders)


class Hooks:
    """
    The hooks of a gateway, found by the name and the secret in a URL.
    """

    def __init__(self, hooks: Sequence[Hook] = ()) -> None:
        self._hooks = {hook.name: hook for hook in hooks}

    def __iter__(self) -> Iterator[Hook]:
        return iter(self._hooks.values())

    def __len__(self) -> int:
        return len(self._hooks)

    def get(self, name: str) -> Hook | None:
        """Return a hook; C{None} if there is none of that name."""
        return self._hooks.get(name)

    def find(self, name: str, secret: bytes) -> Hook | None:
        """
        Return the hook of a URL, in the same time whether or not there is one.

        @return: C{None} if there is no such hook or the secret is wrong.
        """
        hook = self._hooks.get(name)
        digest = sha256(secret).digest()
        isRight = False
        for known in _NO_SECRETS if hook is None else hook.secrets:
            isRight |= hmac.compare_digest(digest, known)
        return hook if isRight else None


#: Compared with the secret of an unknown hook: no secret has this hash.
_NO_SECRETS = (bytes(32),)
