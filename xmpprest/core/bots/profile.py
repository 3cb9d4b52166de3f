"""The profile of a bot: its checks, and its form in JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from ..codec.fields_presence import SHOWS
from ..codec.scalars import Scalar, Schema, integer, string, unknownKey, wrongType
from ..errors import Refusal, unprocessable
from ..media.values import Value
from .avatar import MAX_BYTES, TYPES, Avatar
from .policy import ACCEPT, POLICIES

#: Characters that a text may have, and how many features there may be.
MAX_TEXT = 1023
MAX_FEATURES = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """
    The profile of a bot.

    @ivar name: The name that contacts see.
    @ivar show: C{away}, C{chat}, C{dnd}, C{xa}, or empty for plainly available
        (RFC 6121 §4.7.2.1).
    @ivar status: A text to the presence, or empty.
    @ivar priority: The priority of its presence (RFC 6121 §4.7.2.3).
    @ivar subscriptions: The fate of requests for its presence, of
        L{POLICIES<xmpprest.core.bots.policy.POLICIES>}.
    @ivar features: Namespaces that the callback serves, for service discovery.
    @ivar avatar: C{None} if there is none.
    """

    name: str = ""
    show: str = ""
    status: str = ""
    priority: int = 0
    subscriptions: str = ACCEPT
    features: tuple[str, ...] = ()
    avatar: Avatar | None = None


@dataclass(frozen=True, slots=True)
class Bot:
    """
    A bot.

    @ivar jid: Its bare address, in its normal form.
    """

    jid: str
    profile: Profile

    @property
    def name(self) -> str:
        """The name that contacts see: by default the first part of the address."""
        return self.profile.name or self.jid.partition("@")[0]

    @property
    def resource(self) -> str:
        """The resource of every bot."""
        return RESOURCE

    @property
    def address(self) -> str:
        """The full address that its presence comes from."""
        return f"{self.jid}/{RESOURCE}"


#: The resource of every bot.
RESOURCE = "xmpprest"

_SCALARS: Mapping[str, Scalar] = {
    "name": string(maxLength=MAX_TEXT),
    "show": string(*SHOWS),
    "status": string(maxLength=MAX_TEXT),
    "priority": integer(-128, 127),
    "subscriptions": string(*POLICIES),
}
_KEYS = [each.name for each in fields(Profile)]
_DEFAULT = Profile()


def changedProfile(profile: Profile, body: Value) -> Profile:
    """
    Apply the body of a C{PUT} to a profile. A key that is left out keeps its value;
    C{null} resets it.

    @raise Refusal: 422, a key is unknown or its value is not possible.
    """
    if not isinstance(body, dict):
        raise unprocessable(
            "bad-format", 'The body must be an object, such as {"name": "Weather"}.'
        )
    changes: dict[str, Any] = {}
    for key, value in body.items():
        if key not in _KEYS:
            raise unknownKey("", key, _KEYS)
        if value is None:
            changes[key] = getattr(_DEFAULT, key)
        elif key in _SCALARS:
            changes[key] = _scalar(key, value)
        else:
            changes[key] = _OTHERS[key](value)
    return replace(profile, **changes)


def _scalar(key: str, value: Value) -> Value:
    _SCALARS[key].toText(value, key)
    if isinstance(value, str):
        _checkLength(key, value)
        return value
    return int(value)  # type: ignore[arg-type]  # toText has checked that


def _checkLength(key: str, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise unprocessable(
            "bad-format", f"The key {key!r} is longer than {MAX_TEXT} characters.", key
        )


def _features(value: Value) -> tuple[str, ...]:
    expected = f"a list of at most {MAX_FEATURES} namespaces"
    if not isinstance(value, list):
        raise wrongType("features", expected, value)
    found: list[str] = []
    for each in value:
        if not isinstance(each, str):
            raise wrongType("features", expected, each)
        _checkLength("features", each)
        if not each or "<" in each:
            # XEP-0115 §5.1 separates features by it.
            raise unprocessable(
                "bad-format",
                "A feature is the URI of a namespace: not empty, and without '<'.",
                "features",
            )
        found.append(each)
    if len(found) > MAX_FEATURES:
        raise unprocessable(
            "bad-format", f"The key 'features' must be {expected}.", "features"
        )
    return tuple(dict.fromkeys(found))


def _avatar(value: Value) -> Avatar:
    expected = 'an object such as {"data": "iVBORw0KGgo…"}'
    if not isinstance(value, dict):
        raise wrongType("avatar", expected, value)
    for key in value:
        if key not in ("data", "type"):
            raise unknownKey("avatar", key, ("data", "type"))
    data = value.get("data")
    if value.get("type", "image/png") not in TYPES:
        raise wrongType("avatar.type", f"one of {', '.join(TYPES)}", value["type"])
    if not isinstance(data, str):
        raise wrongType("avatar.data", "an image in Base64", data)
    try:
        return Avatar.of(base64.b64decode("".join(data.split()), validate=True))
    except binascii.Error:
        raise _badAvatar("it is not Base64 (RFC 4648 §4)") from None
    except ValueError as reason:
        raise _badAvatar(str(reason)) from None


def _badAvatar(reason: str) -> Refusal:
    return unprocessable(
        "bad-format", f"The image in 'avatar.data' cannot be used: {reason}.", "avatar"
    )


_OTHERS = {"features": _features, "avatar": _avatar}

_TEXT: Schema = {"type": "string", "maxLength": MAX_TEXT}
#: The schema of the body of a C{PUT}.
PROFILE_SCHEMA: Schema = {
    "type": "object",
    "title": "profile of a bot",
    "properties": {
        **{
            key: {"anyOf": [each.schema, {"type": "null"}]}
            for key, each in _SCALARS.items()
        },
        "features": {
            "type": ["array", "null"],
            "items": {**_TEXT, "minLength": 1, "pattern": "^[^<]*$"},
            "maxItems": MAX_FEATURES,
        },
        "avatar": {
            "type": ["object", "null"],
            "properties": {
                "type": {
                    "type": "string",
                    "enum": [*TYPES],
                    "description": "Ignored: the image tells.",
                },
                "data": {
                    "type": "string",
                    "format": "base64-image",
                    "description": f"A PNG or JPEG image of at most {MAX_BYTES} bytes,"
                    " in Base64.",
                },
            },
            "required": ["data"],
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


#: The schema of a bot, as L{profileToJSON} returns it.
BOT_SCHEMA: Schema = {
    "type": "object",
    "title": "bot",
    "properties": {
        "jid": {"type": "string", "format": "xmpp-jid"},
        **{key: each.schema for key, each in _SCALARS.items()},
        "show": {"enum": [*SHOWS, None]},
        "status": {"type": ["string", "null"]},
        "features": {"type": "array", "items": {"type": "string"}},
        "avatar": {
            "type": ["object", "null"],
            "properties": {
                "type": {"type": "string", "enum": [*TYPES]},
                "size": {"type": "integer", "description": "Bytes."},
                "sha-1": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
            },
            "required": ["type", "size", "sha-1"],
            "additionalProperties": False,
        },
    },
    "required": ["jid", *_KEYS],
    "additionalProperties": False,
}


def profileToJSON(bot: Bot) -> dict[str, Value]:
    """Return a bot in JSON; of its avatar the type, the size and the hash."""
    profile = bot.profile
    value: dict[str, Value] = {
        "jid": bot.jid,
        "name": bot.name,
        "show": profile.show or None,
        "status": profile.status or None,
        "priority": profile.priority,
        "subscriptions": profile.subscriptions,
        "features": [*profile.features],
        "avatar": None,
    }
    avatar = profile.avatar
    if avatar is not None:
        value["avatar"] = {
            "type": avatar.type,
            "size": len(avatar.data),
            "sha-1": avatar.sha1,
        }
    return value


def profileToStored(profile: Profile) -> tuple[str, bytes | None]:
    """Return a profile for the store: JSON, and the avatar's image."""
    values = {key: getattr(profile, key) for key in _KEYS if key != "avatar"}
    image = None if profile.avatar is None else profile.avatar.data
    return json.dumps(values), image


def profileFromStored(text: str, image: bytes | None) -> Profile:
    """
    Return a stored profile.

    @param text: As L{profileToStored} returns it.
    @param image: The avatar's image; C{None} if there is none.
    """
    values = json.loads(text)
    values["features"] = tuple(values["features"])
    return Profile(**values, avatar=None if image is None else Avatar.of(image))
