"""A message on which a real server closes the stream does not hold up the others."""

from __future__ import annotations

import json

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from tests.servers.gateway import GatewayMixin
from tests.support.prosody import Prosody
from xmpprest.core.records import BOUNCED, CONFIRMED

#: Bytes of a stanza at which this Prosody closes the stream.
LIMIT = 60_000


class SmallProsody(Prosody):
    """A Prosody with C{component_stanza_size_limit}."""

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "prosody.cfg.lua"
        limit = f"component_stanza_size_limit = {LIMIT}\n"
        path.write_text(limit + path.read_text())


class PoisonTests(GatewayMixin, TestCase):
    """
    A message that is longer than the server allows.
    """

    kind = SmallProsody

    async def test_bounces(self) -> None:
        """
        The message bounces with the server's reason; those before and after it are
        confirmed.
        """
        await self.startGateway()
        user = await self.login()
        bodies = ["before", "x" * 100_000, "behind"]
        posts = [
            self.post(
                json.dumps({"to": user.jid, "type": "chat", "body": body}).encode(),
                "application/json",
                Prefer="wait=100",
            )
            for body in bodies
        ]
        before, poison, behind = await gatherResults(posts, consumeErrors=True)
        self.assertEqual(
            (before.json["state"], behind.json["state"]), (CONFIRMED, CONFIRMED)
        )
        self.assertEqual((poison.status, poison.json["type"]), (200, "error"))
        # Prosody 0.12.3 says not-well-formed.
        self.assertRegex(
            poison.json["error"]["text"],
            "^The XMPP server closes the stream on this message: "
            "(policy-violation|not-well-formed)",
        )
        path = poison.header("Location") or f"/rest/outbox/{poison.json['id']}"
        status = await self.get(path.removeprefix("/rest"))
        self.assertEqual(status.json["state"], BOUNCED)
        self.assertEqual(self.gateway.component.reconnects, 3)
