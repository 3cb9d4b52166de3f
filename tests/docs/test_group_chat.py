"""Tests of C{docs/how-to/group-chat.rst}: its commands, in a room of Prosody."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import DeferredQueue
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT, got
from tests.servers.client import User
from tests.servers.shared import require as requireServer
from tests.test_readme import ReadmeProsody
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.policy.submission import buildSubmission

PAGE = Document(ROOT / "docs/how-to/group-chat.rst")
(JOIN, SEND, LEAVE) = PAGE.of("sh")
(WITH_PASSWORD,) = PAGE.of("json")


class TextTests(SynchronousTestCase):
    """
    Tests without a server.
    """

    def test_json(self) -> None:
        """
        The example with a password can be sent.
        """
        made = buildSubmission(STANZAS.decode(json.loads(WITH_PASSWORD)), DOMAIN, str)
        self.assertEqual(made.name, "presence")


class RoomTests(PasteTestCase):
    """
    Tests of the commands.
    """

    async def inbound(self, **wanted: object) -> Any:
        """The next stanza for the callback with these values."""
        while True:
            _, content = await got(self.posted)
            value = json.loads(content)
            if all(value.get(key) == each for key, each in wanted.items()):
                return value

    async def test_asWritten(self) -> None:
        """
        The bot joins, sends, gets messages of others but not its own, and leaves.
        """
        requireServer(ReadmeProsody)
        await self.prepare()
        server = ReadmeProsody()
        self.addCleanup(deferToThread, server.stop)
        await self.waiting(server.start)
        self.posted: DeferredQueue[tuple[Request, bytes]]
        port, self.posted = self.record()
        url = f"http://127.0.0.1:{port}/"
        flags = ("--callback-url", url, "--callback-content-type", "json")
        await self.start(*flags, port=server.componentPort)
        room = f"room@{server.mucDomain}"
        me = f"{room}/Ishmael"

        status, _ = await self.paste(self.here(JOIN, room))
        self.assertEqual(status, 202)
        joined = await self.inbound(**{"kind": "presence", "from": me})
        self.assertIn(110, joined["muc_user"]["status"])

        await self.waiting(server.register, "juliet", "secret")
        user = User(server, "juliet")
        self.addCleanup(user.close)
        await user.ready()
        await user.joinRoom(room, "Juliet")
        await self.paste(self.here(SEND, room))
        await user.expect("groupchat", "<body>Hello, everybody!</body>")
        user.send(f"<message type='groupchat' to='{room}'><body>Hi</body></message>")
        heard: dict[str, Any] = {}
        while heard.get("body") != "Hi":
            heard = await self.inbound(kind="message")
            self.assertNotEqual(heard["from"], me)

        # Again, with the same nick and address.
        await self.paste(self.here(JOIN, room))
        joined = await self.inbound(**{"kind": "presence", "from": me})
        self.assertIn(110, joined["muc_user"]["status"])

        await self.paste(self.here(LEAVE, room))
        left = await self.inbound(**{"type": "unavailable", "from": me})
        self.assertIn(110, left["muc_user"]["status"])

    def here(self, command: str, room: str) -> str:
        """A command for a room of this server."""
        return command.replace("room@rooms.example.org", room)
