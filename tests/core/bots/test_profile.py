"""Tests for L{xmpprest.core.bots.profile}."""

from __future__ import annotations

import base64

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots.avatar import Avatar
from xmpprest.core.bots.profile import (
    MAX_FEATURES,
    MAX_TEXT,
    Bot,
    Profile,
    changedProfile,
    profileToJSON,
)
from xmpprest.core.errors import Refusal
from xmpprest.core.media.values import Value

from .images import jpeg, png

BODY: Value = {
    "name": "Weather",
    "show": "chat",
    "status": "Ask me",
    "priority": -1,
    "subscriptions": "ask",
    "features": ["urn:a", "urn:b", "urn:a"],
    "avatar": {"data": base64.b64encode(png()).decode(), "type": "image/png"},
}
PROFILE = Profile(
    "Weather", "chat", "Ask me", -1, "ask", ("urn:a", "urn:b"), Avatar.of(png())
)


class ChangedProfileTests(SynchronousTestCase):
    """
    L{changedProfile}
    """

    def test_all(self) -> None:
        """
        Each key sets its part of the profile; a feature that is given twice counts
        once.
        """
        self.assertEqual(changedProfile(Profile(), BODY), PROFILE)

    def test_some(self) -> None:
        """
        A key that is left out keeps its value, and C{null} resets it.
        """
        self.assertEqual(changedProfile(PROFILE, {}), PROFILE)
        changed = changedProfile(PROFILE, {"show": "dnd", "avatar": None, "name": None})
        expected = Profile("", "dnd", "Ask me", -1, "ask", ("urn:a", "urn:b"))
        self.assertEqual(changed, expected)
        nothing: Value = dict.fromkeys(BODY)  # type: ignore[arg-type]  # an object
        self.assertEqual(changedProfile(PROFILE, nothing), Profile())

    def test_integers(self) -> None:
        """
        An integer that is written with a point is one, as in JSON Schema.
        """
        self.assertEqual(changedProfile(Profile(), {"priority": 5.0}).priority, 5)

    def test_base64(self) -> None:
        """
        Base64 may have line breaks, as programs write it.
        """
        data = base64.encodebytes(jpeg()).decode()
        changed = changedProfile(Profile(), {"avatar": {"data": data}})
        self.assertEqual(changed.avatar, Avatar.of(jpeg()))

    def test_refused(self) -> None:
        """An invalid profile is refused with 422, and the error names the key."""
        image = base64.b64encode(jpeg()).decode()
        long = "x" * (MAX_TEXT + 1)
        bodies: list[tuple[Value, str]] = [
            ([], "must be an object"),
            ({"nam": "x"}, "did you mean 'name'"),
            ({"name": 1}, "'name' must be a string"),
            ({"name": long}, "'name' is longer"),
            ({"status": long}, "'status' is longer"),
            ({"show": "online"}, "'show' must be one of away, chat, dnd, xa"),
            ({"priority": 128}, "'priority' must be an integer from -128 to 127"),
            ({"subscriptions": "maybe"}, "one of accept, ask, refuse"),
            ({"features": "urn:a"}, "'features' must be a list"),
            ({"features": [1]}, "'features' must be a list"),
            ({"features": [""]}, "not empty"),
            ({"features": ["a<b"]}, "without '<'"),
            ({"features": [long]}, "'features' is longer"),
            (
                {"features": [f"urn:{n}" for n in range(MAX_FEATURES + 1)]},
                "a list of at most 100",
            ),
            ({"avatar": "x"}, "'avatar' must be an object"),
            ({"avatar": {}}, "'avatar.data' must be an image in Base64"),
            ({"avatar": {"url": "x"}}, "'url' in 'avatar' is not known"),
            ({"avatar": {"data": "?"}}, "it is not Base64"),
            ({"avatar": {"data": "AAAA"}}, "neither a PNG nor a JPEG"),
            ({"avatar": {"data": image, "type": "image/gif"}}, "'avatar.type' must be"),
        ]
        for body, reason in bodies:
            with self.subTest(body=str(body)[:60]):
                refusal = self.assertRaises(Refusal, changedProfile, Profile(), body)
                self.assertEqual(refusal.problem.status, 422)
                self.assertIn(reason, refusal.problem.text)


class BotTests(SynchronousTestCase):
    """
    L{Bot}
    """

    def test_name(self) -> None:
        """
        A bot without a name is called by the first part of its address.
        """
        self.assertEqual(Bot("weather@gw.example", PROFILE).name, "Weather")
        self.assertEqual(Bot("weather@gw.example", Profile()).name, "weather")
        self.assertEqual(Bot("gw.example", Profile()).name, "gw.example")

    def test_toJSON(self) -> None:
        """
        In JSON an avatar is described, but not repeated.
        """
        self.assertEqual(
            profileToJSON(Bot("weather@gw.example", PROFILE)),
            {
                "jid": "weather@gw.example",
                "name": "Weather",
                "show": "chat",
                "status": "Ask me",
                "priority": -1,
                "subscriptions": "ask",
                "features": ["urn:a", "urn:b"],
                "avatar": {
                    "type": "image/png",
                    "size": len(png()),
                    "sha-1": Avatar.of(png()).sha1,
                },
            },
        )
        plain = profileToJSON(Bot("gw.example", Profile()))
        self.assertEqual(
            [key for key, value in plain.items() if value is None],
            ["show", "status", "avatar"],
        )
