"""
Tests of C{docs/how-to/group-chat.rst} and of the tutorial: their commands, in rooms of
Prosody and ejabberd.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml
from twisted.internet.defer import DeferredQueue
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import DOMAIN, ROOT, SECRET, got
from tests.servers.client import User
from tests.servers.shared import require as requireServer
from tests.support.ejabberd import Ejabberd
from tests.support.process import ServerProcess, freePorts
from tests.support.programs import Program, require
from tests.test_readme import ReadmeProsody
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.policy.submission import buildSubmission

PAGE = Document(ROOT / "docs/how-to/group-chat.rst")
(JOIN, SEND, OCCUPANTS, LEAVE) = PAGE.of("sh")
(EVENT, BY_PRESENCE) = PAGE.of("json")
TUTORIAL = Document(ROOT / "docs/tutorials/group-chat-bot.rst")
(_, _, ENTER, SAY) = TUTORIAL.of("sh")


class TextTests(SynchronousTestCase):
    """
    Tests without a server.
    """

    def test_json(self) -> None:
        """
        The presence that joins a room can be sent.
        """
        made = buildSubmission(STANZAS.decode(json.loads(BY_PRESENCE)), DOMAIN, str)
        self.assertEqual(made.name, "presence")


class RoomCase(PasteTestCase):
    """
    A test with a server, a user, and a gateway.
    """

    room: str

    async def begin(self, kind: type[ServerProcess], callback: int) -> User:
        """Start everything; returns a user."""
        requireServer(kind)
        await self.prepare()
        server = kind()
        self.addCleanup(deferToThread, server.stop)
        await self.waiting(server.start)
        url = f"http://127.0.0.1:{callback}/"
        flags = ("--callback-url", url, "--callback-content-type", "json")
        await self.start(*flags, port=server.componentPort)
        await self.waiting(server.register, "juliet", "secret")
        user = User(server, "juliet")
        self.addCleanup(user.close)
        await user.ready()
        self.room = f"room@{server.mucDomain}"
        return user

    def here(self, command: str) -> str:
        """A command for a room of this server."""
        for each in ("room", "team"):
            command = command.replace(f"{each}@rooms.example.org", self.room)
        return command


class RoomTests(RoomCase):
    """
    Tests of the commands of the how-to page.
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
        self.posted: DeferredQueue[tuple[Request, bytes]]
        port, self.posted = self.record()
        user = await self.begin(ReadmeProsody, port)
        await user.joinRoom(self.room, "Juliet")
        status, body = await self.paste(self.here(JOIN))
        self.assertEqual((status, json.loads(body)["state"]), (200, "joined"), body)
        event = await self.inbound(kind="meta")
        self.assertEqual([*event], [*json.loads(EVENT)])

        await self.paste(self.here(SEND))
        await user.expect("groupchat", "<body>Hello, everybody!</body>")
        user.send(
            f"<message type='groupchat' to='{self.room}'><body>Hi</body></message>"
        )
        heard: dict[str, Any] = {}
        while heard.get("body") != "Hi":
            heard = await self.inbound(kind="message")
            self.assertNotEqual(heard["from"], f"{self.room}/Ishmael")

        status, body = await self.paste(self.here(OCCUPANTS))
        self.assertEqual(
            sorted(each["nick"] for each in json.loads(body)), ["Ishmael", "Juliet"]
        )
        status, _ = await self.paste(self.here(LEAVE))
        self.assertEqual(status, 204)
        await user.expect("unavailable", f"{self.room}/Ishmael")


class TutorialEjabberd(Ejabberd):
    """
    An ejabberd with rooms and accounts, and the gateway's component. Only its own
    accounts may create rooms, as in Debian's configuration, and those that the tutorial
    allows.
    """

    componentDomain = DOMAIN

    def __init__(self) -> None:
        super().__init__()
        self.componentSecret = SECRET

    def _configure(self) -> None:
        super()._configure()
        path = self.directory / "ejabberd.yml"
        configuration = json.loads(path.read_text())
        (page,) = map(yaml.safe_load, TUTORIAL.of("yaml"))
        configuration["acl"] |= {"local": {"user_regexp": ""}, **page["acl"]}
        configuration["access_rules"] |= page["access_rules"]
        configuration["modules"]["mod_muc"]["access_create"] = "muc_create"
        path.write_text(json.dumps(configuration))


class TutorialTests(RoomCase):
    """
    The tutorial, with each bot and on each server.
    """

    async def test_python(self) -> None:
        """
        The bot in Python enters a room of Prosody, and answers there.
        """
        await self.follow(ReadmeProsody, sys.executable, "roombot.py")

    async def test_javaScript(self) -> None:
        """
        The bot in JavaScript enters a room of ejabberd, and answers there.
        """
        require("node")
        await self.follow(TutorialEjabberd, "node", "roombot.js")

    async def follow(
        self, kind: type[ServerProcess], interpreter: str, name: str
    ) -> None:
        """Follow the tutorial."""
        (port,) = freePorts(1)
        text = (ROOT / "docs/examples" / name).read_text()
        self.assertEqual(text.count("9999"), 1)
        self.place.write(name, text.replace("9999", str(port)))
        user = await self.begin(kind, port)
        bot: Program = self.shell(f"{interpreter} {name}")
        status, body = await self.paste(self.here(ENTER))
        self.assertEqual((status, json.loads(body)["state"]), (200, "joined"), body)
        await self.waiting(bot.expect, f"joined {self.room}")
        await user.joinRoom(self.room, "Juliet")
        user.send(
            f"<message type='groupchat' to='{self.room}'>"
            "<body>robot: hello</body></message>"
        )
        await user.expect("You said: hello", f"{self.room}/robot")
        status, _ = await self.paste(self.here(SAY))
        self.assertEqual(status, 202)
        await user.expect("The build is green.", f"{self.room}/robot")
