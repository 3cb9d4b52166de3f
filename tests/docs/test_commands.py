"""
Tests of C{docs/how-to/ad-hoc-commands.rst}: its commands are pasted in order, and the
answers are those of the page, of Prosody and of ejabberd.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.words.xish.domish import Element

from tests.docs.document import Document
from tests.docs.paste import PasteTestCase
from tests.docs.world import ROOT
from tests.servers.client import User
from tests.servers.shared import require as requireServer
from tests.support.process import ServerProcess
from tests.test_readme import ReadmeEjabberd, ReadmeProsody
from xmpprest.core.codec.queries import COMMAND
from xmpprest.core.codec.table import STANZAS
from xmpprest.core.stanza.build import make

PAGE = Document(ROOT / "docs/how-to/ad-hoc-commands.rst")
COMMANDS = PAGE.of("sh")
#: What is answered to each but the last.
ANSWERS = PAGE.of("json")
#: Where the server that is asked lives, in the document.
SERVER = "example.org"
ADMIN = "bot@gateway.example.org"


class ScriptedTests(PasteTestCase):
    """
    The commands, with a server that says what stands there.
    """

    def answers(self, asked: Element) -> tuple[Element, ...]:
        """The answer that stands there for a command, with its id as it came."""
        answer = STANZAS.decode(json.loads(next(self.script)))
        self.asked.append(STANZAS.encode(asked))
        attributes = {**answer.attributes, "id": asked["id"]}
        return (make("iq", attributes, answer.children),)

    async def test_asWritten(self) -> None:
        """
        Each command is answered with what stands below it; all it says is of the
        same session.
        """
        self.script: Iterator[str] = iter(ANSWERS)
        self.asked: list[Any] = []
        self.patch(self._peer, "answer", self.answers)
        await self.prepare()
        await self.start()
        session = json.loads(ANSWERS[1])["command"]["sessionid"]
        for command, answer in zip(COMMANDS, ANSWERS, strict=False):
            status, body = await self.paste(command)
            self.assertEqual(status, 200, body)
            self.assertJSON(body, answer)
            asked = self.asked.pop()
            self.assertEqual(asked["from"], ADMIN)
            if "sessionid" in asked.get("command", {}):
                self.assertEqual(asked["command"]["sessionid"], session)

    def test_fields(self) -> None:
        """The filled fields are those that the form asks for."""
        fields = json.loads(ANSWERS[1])["command"]["form"]["fields"]
        data = json.loads(COMMANDS[2].partition("-d '")[2].rstrip("'"))
        names = [field["var"] for field in fields]
        self.assertEqual([*data["command"]["data"]], names)

    def test_actions(self) -> None:
        """
        The actions of the table are those that there are.
        """
        schema: Any = COMMAND.slots["action"].schema
        names = [name.text for name, _ in PAGE.table("Several steps")]
        self.assertEqual(sorted(names), sorted(schema["enum"]))

    def test_all(self) -> None:
        """
        Every command but the last, which needs Prosody, has its answer.
        """
        self.assertEqual(len(COMMANDS), len(ANSWERS) + 1)
        self.assertEqual(PAGE.languages, {"sh", "json", "lua", "yaml"})


class AdminProsody(ReadmeProsody):
    """
    Prosody, with the page's lines for the administrator instead of ours.
    """

    admin = "nobody@nowhere.example"

    def _configure(self) -> None:
        ReadmeProsody._configure(self)
        (lua,) = PAGE.of("lua")
        path = self.directory / "prosody.cfg.lua"
        before, host, after = path.read_text().partition(f'VirtualHost "{self.host}"\n')
        assert host
        # Prosody 0.12 fails where it would warn of an option that stands there twice.
        others = [line for line in after.split("\n") if " admin" not in line.lower()]
        others = [line for line in others if '"admin_adhoc"' not in line]
        lines = lua.replace(f'"{SERVER}"', f'"{self.host}"').rstrip()
        path.write_text("\n".join([f"{before}{lines}", *others]))


class AdminEjabberd(ReadmeEjabberd):
    """
    ejabberd, with the page's lines for the administrator, and two modules that any
    ejabberd has.
    """

    further = "\n".join([*PAGE.of("yaml"), "  mod_disco: {}", "  mod_roster: {}"])


class ServerTests(PasteTestCase):
    """
    The commands, with real servers.
    """

    async def tell(self, command: str, server: ServerProcess, **others: str) -> Any:
        """Paste a command, for another server than the one it is written for."""
        for old, new in {SERVER: server.host, **others}.items():
            # Not the domain of the gateway, which ends like it.
            for before in ('"', "@", "/"):
                command = command.replace(f"{before}{old}", f"{before}{new}")
        status, body = await self.paste(command)
        self.assertEqual(status, 200, body)
        return json.loads(body)

    async def adds(
        self, kind: type[ServerProcess], note: Any
    ) -> tuple[ServerProcess, Any]:
        """
        Check that a server does what stands there.

        @param note: What else it says in the end.
        @return: The server, and how it began.
        """
        requireServer(kind)
        await self.prepare()
        server = kind()
        self.addCleanup(deferToThread, server.stop)
        await self.waiting(server.start)
        await self.start(port=server.componentPort)
        look, begin, fillIn, cancel, _ = COMMANDS
        _, form, done, canceled = map(json.loads, ANSWERS)
        written = form["command"]

        found = await self.tell(look, server)
        items = {item["node"]: item["name"] for item in found["items"]}
        (listed,) = json.loads(ANSWERS[0])["items"]
        self.assertEqual(items[listed["node"]], listed["name"])

        begun = (await self.tell(begin, server))["command"]
        self.assertEqual(begun["status"], "executing")
        self.assertEqual(begun["actions"]["execute"], "complete")
        fields = [
            [{key: field.get(key) for key in ("var", "type")} for field in fields]
            for fields in (begun["form"]["fields"], written["form"]["fields"])
        ]
        self.assertEqual(*fields)

        session = {written["sessionid"]: begun["sessionid"]}
        completed = await self.tell(fillIn, server, **session)
        expected = {**done["command"], "sessionid": begun["sessionid"]}
        del expected["note"]
        self.assertEqual(completed["command"], {**expected, **note})
        user = User(server, "ishmael", "call me")
        self.addCleanup(user.close)
        await user.ready()

        again = (await self.tell(begin, server))["command"]
        session = {written["sessionid"]: again["sessionid"]}
        given = await self.tell(cancel, server, **session)
        expected = {**canceled["command"], "sessionid": again["sessionid"]}
        self.assertEqual(given["command"], expected)
        return server, begun

    async def test_prosody(self) -> None:
        """
        Prosody adds the user and says so, all in the words that stand there; and it
        tells for how long it is up.
        """
        note = json.loads(ANSWERS[2])["command"]["note"]
        server, begun = await self.adds(AdminProsody, {"note": note})
        written = json.loads(ANSWERS[1])["command"]
        self.assertEqual({**begun, "sessionid": written["sessionid"]}, written)
        up = await self.tell(COMMANDS[-1], server)
        self.assertIn("running", up["command"]["note"]["text"])

    async def test_ejabberd(self) -> None:
        """
        ejabberd adds the user.
        """
        await self.adds(AdminEjabberd, {})
