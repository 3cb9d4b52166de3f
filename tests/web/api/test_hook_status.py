"""Tests for L{xmpprest.web.api.hook_status}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.core.hooks.hooks import makeHook
from tests.core.hooks.test_hook import group
from tests.support.doubles import DOMAIN
from tests.web.case import SiteTestCase
from xmpprest.core.hooks.hook import Hooks
from xmpprest.core.hooks.template import Template
from xmpprest.core.live import Live
from xmpprest.core.policy.permissions import Grant
from xmpprest.core.records import CONFIRMED, OutboxRecord
from xmpprest.web.api.hook_status import HookStatusHandler


class HeldMessages:
    """The messages of hooks, and the counts of requests, that a test has."""

    def __init__(self) -> None:
        self.accepted = {"alerts": 3}
        self.refused = {"alerts": 1}
        self.asked: list[tuple[str, int]] = []

    async def messagesByToken(self, token: str, limit: int) -> Sequence[OutboxRecord]:
        """Return one message of the first hook."""
        self.asked.append((token, limit))
        if token != "hooks/alerts":
            return []
        return [
            OutboxRecord(
                *(1, "m1", "ann@example.org", "", CONFIRMED, 1.0, 2.0),
                sender=DOMAIN,
                key="k1",
                token=token,
            )
        ]


class HookStatusTests(SiteTestCase):
    """
    The list of hooks, and trying one
    """

    def setUp(self) -> None:
        super().setUp()
        broken = replace(
            makeHook(name="broken"), templates={"json": Template("{{ 1 / 0 }}", "b.j2")}
        )
        self.messages = HeldMessages()
        hooks = Live(Hooks([makeHook(), broken]))
        self.build(HookStatusHandler(hooks, self.messages, self.messages).routes)

    def attempt(self, body: Any, name: str = "alerts", **headers: str) -> Any:
        """Try a payload; returns the value of the response."""
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        response = self.ask(
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **fields},
            path=f"/rest/hooks/{name}/try",
        )
        self.assertEqual(response.status, 200, response.body)
        return json.loads(response.body)

    def test_list(self) -> None:
        """
        Each hook has its settings, its counts and its last messages, and no secret.
        """
        response = self.ask(b"", method="GET", path="/rest/hooks")
        self.assertEqual(response.status, 200)
        first, second = json.loads(response.body)["hooks"]
        (message,) = first.pop("messages")
        self.assertEqual(
            first,
            {
                "name": "alerts",
                "shape": "auto",
                "type": "chat",
                "from": DOMAIN,
                "to": ["ann@example.org"],
                "signed": False,
                "accepted": 3,
                "refused": 1,
            },
        )
        self.assertEqual(message["state"], "confirmed")
        self.assertEqual(message["location"], "/rest/outbox/k1")
        self.assertEqual((second["accepted"], second["messages"]), (0, []))
        self.assertEqual(
            self.messages.asked, [("hooks/alerts", 10), ("hooks/broken", 10)]
        )

    def test_try(self) -> None:
        """
        A payload becomes its message, with the headers of the other program, and
        nothing is sent.
        """
        self.assertEqual(
            self.attempt(group(1)),
            {
                "shape": "alertmanager",
                "event": "firing",
                "body": "🔴 FIRING: DiskFull\ninstance web0\nDisk of web0 is full\n"
                "http://alerts.example:9093",
                "template_error": None,
            },
        )
        made = self.attempt({"zen": "x"}, X_GitHub_Event="ping")
        self.assertEqual((made["shape"], made["event"]), ("github", "ping"))
        self.assertEqual(self.outbox.sent, [])

    def test_tryBroken(self) -> None:
        """
        If the template fails, the reason is there, and the default layout.
        """
        made = self.attempt({"text": "a", "x": 1}, "broken")
        self.assertIn("b.j2 failed", made["template_error"])
        self.assertEqual(made["body"], "a\nx: 1")

    def test_refused(self) -> None:
        """
        An unknown hook is 404, and a payload without a text 422.
        """
        for name, status in (("other", 404), ("alerts", 422)):
            response = self.ask(
                b"{}",
                {"Content-Type": "application/json"},
                path=f"/rest/hooks/{name}/try",
            )
            if name == "alerts":
                response = self.ask(
                    b" ", {"Content-Type": "text/plain"}, path="/rest/hooks/alerts/try"
                )
            self.assertProblem(response, status)

    def test_permission(self) -> None:
        """
        Both need the right C{hooks}.
        """
        may = self.allow(Grant("may", frozenset({"hooks"})))
        not_ = self.allow(Grant("not", frozenset({"outbox"})))
        for fields, statuses in ((may, (200, 200)), (not_, (403, 403))):
            text = {**fields, "Content-Type": "text/plain"}
            found = (
                self.ask(b"", fields, "GET", "/rest/hooks").status,
                self.ask(b"hi", text, path="/rest/hooks/alerts/try").status,
            )
            self.assertEqual(found, statuses)
