"""Tests of C{docs/examples}, each of which is run."""

from __future__ import annotations

import configparser
import os
import shlex
import signal
from xml.sax.saxutils import escape

from tests.docs.world import DOMAIN, ROOT, SECRET, TOKEN, USER, WorldTestCase
from tests.support.process import freePorts
from tests.support.programs import Program, require, twistd
from xmpprest.config.loader import SECRETS, ConfigLoader
from xmpprest.tap import Options

EXAMPLES = ROOT / "docs" / "examples"
UNIT = ROOT / "packaging" / "xmpprest.service"

# The server has it connected; that it knows itself may take a moment more.
_PING = f"""
    curl -sS --retry 5 http://127.0.0.1:%d/%s --oauth2-bearer {TOKEN} \\
        -H 'Content-Type: application/xmpp+xml' \\
        --data-binary \\
        '<iq type="get" to="example.org"><ping xmlns="urn:xmpp:ping"/></iq>'
"""


class EmbeddingTests(WorldTestCase):
    """
    Tests of the examples that make a gateway in Python.
    """

    async def start(self, name: str, *command: str) -> Program:
        """Start an example; returns once it is connected."""
        require("curl")
        self.port, callback = freePorts(2)
        text = (EXAMPLES / name).read_text()
        for number, actual in [
            (5347, self.serverPort),
            (8080, self.port),
            (9999, callback),
        ]:
            self.assertIn(str(number), text)
            text = text.replace(str(number), str(actual))
        self.place.write(name, text)
        self.place.write("secret", SECRET)
        program = self.place.start([*command, name])
        await self.connected()
        return program

    async def end(self, program: Program) -> None:
        """End it; it leaves nothing."""
        await self.waiting(program.end, signal.SIGINT)
        self.assertFalse(program.leftOver)
        self.assertNotIn("Traceback", program.output)

    async def test_embedding(self) -> None:
        """
        In the site of C{embedding.py} the gateway is beside the page that was there
        before, and all of it ends in good order.
        """
        program = await self.start("embedding.py", ".venv/bin/python")
        hello = await self.run_(f"curl -sS http://127.0.0.1:{self.port}/hello")
        self.assertEqual(hello, "Hello from the site.\n")
        self.assertIn("type='result'", await self.run_(_PING % (self.port, "xmpp")))
        await self.end(program)

    async def test_tac(self) -> None:
        """
        C{twistd} runs C{xmpprest.tac}, which serves the gateway at C{/rest}.
        """
        program = await self.start("xmpprest.tac", *twistd("-n", "--pidfile=", "-y"))
        self.assertIn("type='result'", await self.run_(_PING % (self.port, "rest")))
        await self.end(program)


class BotTests(WorldTestCase):
    """
    Tests of the bots.
    """

    async def begin(self, name: str, flags: str) -> Program:
        """
        Start a bot, and a gateway for it; the bot.

        @param flags: Of the gateway, beside those that every bot needs.
        """
        interpreter = "node" if name.endswith(".js") else ".venv/bin/python"
        (port,) = freePorts(1)
        text = (EXAMPLES / name).read_text()
        self.assertEqual(text.count("9999"), 1)
        self.place.write(name, text.replace("9999", str(port)))
        bot = self.shell(f"{interpreter} {name}", PYTHONUNBUFFERED="1")
        await self.run_(f"until curl -so page 127.0.0.1:{port}; do sleep 0.05; done")
        environ = {
            "XMPPREST_SERVER": f"tcp:127.0.0.1:{self.serverPort}",
            "XMPPREST_SECRET": SECRET,
            "XMPPREST_CREDENTIALS": f"Bearer {TOKEN}",
            "XMPPREST_LISTEN": "tcp:0:interface=127.0.0.1",
        }
        self.shell(
            f".venv/bin/twist xmpprest --domain {DOMAIN} --callback-stanzas message"
            f" --callback-url http://127.0.0.1:{port}/ {flags}",
            **environ,
        )
        await self.connected()
        return bot

    async def answers(
        self, name: str, flags: str = "--callback-content-type json"
    ) -> None:
        """
        Check that a bot answers, and when it should not.
        """
        bot = await self.begin(name, flags)
        start = f"<message from='{USER}/phone' to='bot@{DOMAIN}' type='chat'"
        self.send(f"{start} id='1'><composing xmlns='http://jabber.org/x'/></message>")
        delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>"
        self.send(f"{start} id='3'><body>History</body>{delay}</message>")
        for type in ("groupchat", "error"):
            other = start.replace("chat", type)
            self.send(f"{other} id='4'><body>Not for the bot</body></message>")
        for text in ("1 < 2, ünïcödé", 'a "quoted" line\nand another, 🤖'):
            self.send(f"{start} id='2'><body>{escape(text)}</body></message>")
            reply = await self.received()
            self.assertEqual(str(reply.body), f"You said: {text}")
            self.assertEqual(reply["to"], f"{USER}/phone")
            self.assertEqual(reply["from"], f"bot@{DOMAIN}")
            self.assertEqual(reply["type"], "chat")
        self.assertNotIn("Traceback", bot.output)

    async def test_plain(self) -> None:
        """
        The bot in plain Python says what it was told, and nothing where there are no
        words.
        """
        await self.answers("echobot.py")

    async def test_node(self) -> None:
        """The bot in JavaScript answers."""
        require("node")
        await self.answers("echobot.js")

    async def test_flask(self) -> None:
        """The bot with Flask answers."""
        await self.answers("echobot_flask.py")

    async def test_xml(self) -> None:
        """The bot that reads XML answers."""
        await self.answers("echobot_xml.py", "--callback-content-type xml")

    async def test_batch(self) -> None:
        """The bot that takes batches answers."""
        await self.answers("echobatch.py", "--callback-batch 16")

    async def test_batches(self) -> None:
        """
        The bot answers each of many users who write at once, in the order of each.
        """
        self.silence()
        flags = "--callback-batch 16 --callback-connections 2"
        bot = await self.begin("echobatch.py", flags)
        senders = [f"user{number}@example.org/phone" for number in range(50)]
        for number in range(4):
            for sender in senders:
                self.send(
                    f"<message from='{sender}' to='bot@{DOMAIN}' type='chat'>"
                    f"<body>{number}</body></message>"
                )
        said: dict[str, list[str]] = {sender: [] for sender in senders}
        for _ in range(4 * len(senders)):
            reply = await self.received()
            said[reply["to"]].append(str(reply.body))
        expected = [f"You said: {number}" for number in range(4)]
        self.assertEqual(said, dict.fromkeys(senders, expected))
        # It logs each request.
        posts = bot.output.count('"POST / ')
        self.assertLess(posts, 4 * len(senders))
        self.assertNotIn("Traceback", bot.output)

    def test_all(self) -> None:
        """Every bot has a test."""
        names = {path.name for path in EXAMPLES.glob("*bot*")}
        tried = {"echobot.py", "echobot.js", "echobot_flask.py", "echobot_xml.py"}
        # In tests.docs.test_group_chat.
        tried |= {"roombot.py", "roombot.js"}
        self.assertEqual(names, tried)


class ServiceTests(WorldTestCase):
    """
    Tests of the files for systemd.
    """

    def test_toml(self) -> None:
        """
        The configuration is good.
        """
        environ = {"XMPPREST_SECRET": "x", "XMPPREST_CREDENTIALS": "Bearer x"}
        path = str(EXAMPLES / "xmpprest.toml")
        loaded = ConfigLoader({"config": [path]}, environ).load()
        self.assertEqual(loaded.config.domain, DOMAIN)

    def test_unit(self) -> None:
        """
        The unit's command is one that the gateway understands, and its credentials
        are those that it looks for.
        """
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        credentials = []
        for line in UNIT.read_text().splitlines():
            if line.startswith("LoadCredential="):
                credentials.append(line.partition("=")[2].partition(":")[0])
        self.assertEqual(credentials, list(SECRETS))
        unit.read(UNIT)
        command = shlex.split(unit["Service"]["ExecStart"])
        arguments = command[command.index("xmpprest") + 1 :]
        arguments[arguments.index("--config") + 1] = str(EXAMPLES / "xmpprest.toml")
        for name, text in zip(SECRETS, ("hush", "Bearer abc"), strict=True):
            self.place.write(name, text)
        self.patch(os, "environ", {"CREDENTIALS_DIRECTORY": str(self.place.path)})
        options = Options()
        options.parseOptions(arguments)
        assert options.loaded is not None
        self.assertEqual(options.loaded.config.secret, "hush")
