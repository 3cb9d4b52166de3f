"""
The table of shapes: how each kind of webhook is recognised, verified, read, and
answered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from . import signatures
from .formats import alerts, discord, forge, generic, gitlab, push, slack, uptime_kuma
from .notice import Notice
from .request import HookRequest

#: The shape that finds the shape of each request.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class HookReply:
    """
    The response that the sender of a webhook expects.

    @ivar contentType: The media type of the body; C{None} if there is no body.
    """

    status: int
    body: bytes = b""
    contentType: str | None = None


#: Makes the response of a stored message from its id, which is one of the gateway's own
#: and needs no quoting, the request and its notice.
Answer = Callable[[str, HookRequest, Notice], HookReply]


def jsonReply(status: int, value: object) -> HookReply:
    """Return a response with a JSON value."""
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return HookReply(status, body + b"\n", "application/json")


def _accepted(id: str, request: HookRequest, notice: Notice) -> HookReply:
    body = f'{{"id":"{id}","state":"queued"}}\n'
    return HookReply(202, body.encode(), "application/json")


def _withID(id: str, request: HookRequest, notice: Notice) -> HookReply:
    return HookReply(200, f'{{"id":"{id}"}}\n'.encode(), "application/json")


def _discord(id: str, request: HookRequest, notice: Notice) -> HookReply:
    """Return nothing, or the message if the sender waits for it."""
    if request.query.get("wait") != "true":
        return HookReply(204)
    return jsonReply(200, {"id": id, "type": 0, "content": notice.title})


def _ntfy(id: str, request: HookRequest, notice: Notice) -> HookReply:
    topic = request.fields.text("topic")
    value = {"id": id, "event": "message", "topic": topic, "message": notice.title}
    return jsonReply(200, value)


def _gotify(id: str, request: HookRequest, notice: Notice) -> HookReply:
    """Return the message; its id is a number in Gotify."""
    number = int.from_bytes(sha256(id.encode()).digest()[:4], "big")
    fields = request.fields
    value = {"id": number, "appid": 1, "message": fields.text("message")}
    return jsonReply(200, {**value, "title": fields.text("title")})


def _apprise(id: str, request: HookRequest, notice: Notice) -> HookReply:
    return jsonReply(200, {"error": None, "id": id})


def _ok(id: str, request: HookRequest, notice: Notice) -> HookReply:
    return HookReply(200, b"ok", "text/plain")


@dataclass(frozen=True, slots=True)
class Shape:
    """
    A kind of webhook.

    @ivar sender: The programs that send it, for the manual.
    @ivar notice: Reads the facts of a request.
    @ivar answer: Makes the response of a stored message.
    @ivar matches: Recognises a request by its headers and keys; C{None} for a shape
        that is not detected.
    @ivar check: Verifies a signature; C{None} if the sender has none.
    @ivar signature: The header or the specification of the signature, for the manual.
    @ivar deliveryHeaders: The header fields, in lower case, that hold the sender's id
        of the delivery; the first that is present counts.
    @ivar needsTemplates: Whether messages are made by templates, which the extra
        C{hooks} provides.
    """

    sender: str
    notice: Callable[[HookRequest], Notice]
    answer: Answer
    matches: Callable[[HookRequest], bool] | None = None
    check: signatures.Check | None = None
    signature: str = ""
    deliveryHeaders: Sequence[str] = ()
    needsTemplates: bool = True


#: The shapes by name. L{detect} tries them in this order.
SHAPES: Mapping[str, Shape] = {
    # Gitea sends the headers of GitHub, too.
    "gitea": Shape(
        "Gitea, Forgejo, Gogs",
        forge.notice,
        _withID,
        forge.isGitea,
        signatures.giteaSignature,
        "X-Gitea-Signature",
        ("x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"),
    ),
    "github": Shape(
        "GitHub",
        forge.notice,
        _withID,
        forge.isGitHub,
        signatures.hubSignature,
        "X-Hub-Signature-256",
        ("x-github-delivery",),
    ),
    "gitlab": Shape(
        "GitLab",
        gitlab.notice,
        _withID,
        gitlab.isGitLab,
        signatures.gitlabToken,
        "X-Gitlab-Token, or Standard Webhooks",
        ("webhook-id",),
    ),
    "grafana": Shape(
        "Grafana",
        alerts.notice,
        _withID,
        alerts.isGrafana,
        signatures.grafanaSignature,
        "X-Grafana-Alerting-Signature",
    ),
    "alertmanager": Shape(
        "Alertmanager (Prometheus)", alerts.notice, _withID, alerts.isAlertmanager
    ),
    "uptime-kuma": Shape(
        "Uptime Kuma", uptime_kuma.notice, _withID, uptime_kuma.isUptimeKuma
    ),
    "apprise": Shape(
        "Apprise, and programs that use it", push.apprise, _apprise, push.isApprise
    ),
    "discord": Shape(
        "Programs that post to Discord", discord.notice, _discord, discord.isDiscord
    ),
    "ntfy": Shape(
        "Programs and scripts that post to ntfy", push.ntfy, _ntfy, push.isNtfy
    ),
    "gotify": Shape(
        "Programs that post to Gotify", push.gotify, _gotify, push.isGotify
    ),
    "slack": Shape(
        "Programs that post to Slack, Mattermost or Rocket.Chat",
        slack.notice,
        _ok,
        slack.isSlack,
    ),
    "json": Shape(
        "Any other program that sends JSON or a form",
        generic.anyJSON,
        _accepted,
        check=signatures.standardWebhooks,
        signature="Standard Webhooks",
        deliveryHeaders=("webhook-id",),
        needsTemplates=False,
    ),
    "text": Shape(
        "Any program that sends text, such as curl",
        generic.text,
        _accepted,
        check=signatures.standardWebhooks,
        signature="Standard Webhooks",
        deliveryHeaders=("webhook-id",),
        needsTemplates=False,
    ),
}

#: What a hook's setting may name.
SHAPE_NAMES = (AUTO, *sorted(SHAPES))


def detect(request: HookRequest) -> str:
    """
    Return the name of the shape of a request, by its headers and keys.

    @return: C{json} for unknown JSON, C{text} for anything else.
    """
    for name, shape in SHAPES.items():
        if shape.matches is not None and shape.matches(request):
            return name
    return "text" if request.value is None else "json"
