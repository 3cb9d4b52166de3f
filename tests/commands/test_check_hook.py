"""Tests for L{xmpprest.commands.doctor.check_hook}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.core.hooks.hooks import hookConfig
from tests.support.doubles import DOMAIN
from xmpprest.commands.doctor.check_hook import checkHook
from xmpprest.commands.doctor.result import FAILED, OK, WARNING


class CheckHookTests(SynchronousTestCase):
    """
    L{checkHook}
    """

    def assertFound(self, state: str, expected: str, **settings: Any) -> None:
        """A hook with some settings has a result whose words contain a text."""
        found = checkHook(hookConfig(**settings), DOMAIN)
        self.assertEqual((found.state, found.subject), (state, "hook alerts"))
        self.assertIn(expected, found.words)

    def template(self, source: str) -> str:
        """Write a template; return its path."""
        path = Path(self.mktemp())
        path.write_text(source)
        return str(path)

    def test_good(self) -> None:
        """
        A hook with the built-in templates, or one that works, is good; for a room the
        result says which address must have joined it.
        """
        self.assertFound(OK, "sends to ann@example.org")
        template = self.template("{{ title }} {{ payload.a.b }}")
        self.assertFound(OK, "templates work", template=template)
        room = {"type": "groupchat", "to": ["ops@rooms.example"]}
        self.assertFound(OK, f"{DOMAIN} must have joined ops@rooms.example", **room)

    def test_templates(self) -> None:
        """
        A template that is missing or malformed fails the check; one that raises is a
        warning with its reason.
        """
        self.assertFound(FAILED, "cannot be read", template="/nothing/there.j2")
        self.assertFound(FAILED, "line 1", template=self.template("{% if %}"))
        broken = self.template("{{ 1 / (omitted - 1) }}")
        self.assertFound(WARNING, "division by zero", template=broken)

    def test_ownAddress(self) -> None:
        """
        A hook that sends to the gateway itself is a warning.
        """
        self.assertFound(WARNING, "of this gateway", to=[f"bot@{DOMAIN}"])
