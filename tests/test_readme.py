"""Tests of README.rst: each block of code in it is run, or checked."""

from __future__ import annotations

import re
import shlex
import shutil
import stat
import tomllib
from functools import cached_property

from docutils import nodes
from docutils.core import publish_doctree
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from xmpprest.core.errors import errorFromStatus

from .docs.world import DOMAIN, ROOT, SECRET, TOKEN, USER, WorldTestCase, got
from .programs import Program, require
from .servers.certificates import Authority
from .servers.ejabberd import Ejabberd
from .servers.process import LOOPBACK, ServerProcess
from .servers.prosody import Prosody
from .servers.shared import require as requireServer

README = ROOT / "README.rst"


class Document:
    """
    README.rst, its blocks of code by language and in their order.
    """

    def __init__(self) -> None:
        self.text = README.read_text()
        self._tree = publish_doctree(
            self.text,
            settings_overrides={"syntax_highlight": "none", "halt_level": 2},
        )

    @cached_property
    def blocks(self) -> list[tuple[str, str]]:
        """Language, empty if there is none, and text."""
        return [
            ("".join(c for c in block["classes"] if c != "code"), block.astext())
            for block in self._tree.findall(nodes.literal_block)
        ]

    def of(self, language: str) -> list[str]:
        """The blocks in a language."""
        return [text for name, text in self.blocks if name == language]

    @property
    def tryLine(self) -> str:
        """The line that sets up the demo."""
        return self.of("")[0]

    @property
    def testLine(self) -> str:
        """The line that runs the tests."""
        return self.of("")[1]


DOCUMENT = Document()
(FILES, START, MESSAGE, PING, BOT_DEMO, TLS, SSL) = DOCUMENT.of("sh")
(PLAIN_BOT, FLASK_BOT, EMBEDDING) = DOCUMENT.of("python")


class TextTests(SynchronousTestCase):
    """
    Tests of what can be seen without running it.
    """

    def test_languages(self) -> None:
        """
        Every block is one that these tests know how to try.
        """
        known = {"", "sh", "lua", "yaml", "http", "python", "toml"}
        self.assertEqual({language for language, _ in DOCUMENT.blocks}, known)

    def test_lines(self) -> None:
        """
        The two commands that set everything up are one line each, and C{.ci/run}
        takes them from here.
        """
        script = (ROOT / ".ci" / "run").read_text()
        for line in (DOCUMENT.tryLine, DOCUMENT.testLine):
            self.assertEqual(len(line.splitlines()), 1)
            found = [
                pattern
                for pattern in re.findall(r"readme_line '([^']*)'", script)
                if re.search(pattern, line)
            ]
            self.assertEqual(len(found), 1, script)
            inReadme = [
                each for each in DOCUMENT.text.splitlines() if re.search(found[0], each)
            ]
            self.assertEqual([each.strip() for each in inReadme], [line])

    def test_bots(self) -> None:
        """
        The bots are those of C{docs/examples}, where they are run.
        """
        for name, block in [("echobot.py", PLAIN_BOT), ("echobot_flask.py", FLASK_BOT)]:
            self.assertEqual((ROOT / "docs/examples" / name).read_text().strip(), block)

    def test_embedding(self) -> None:
        """
        The lines for those who embed the gateway stand as they are in the example.
        """
        self.assertIn(EMBEDDING, (ROOT / "docs/examples/embedding.py").read_text())

    def test_paths(self) -> None:
        """
        Every file that is named is there.
        """
        for path in re.findall(r"``(docs/[^`]*|\.ci/run)``", DOCUMENT.text):
            self.assertTrue((ROOT / path).exists(), path)

    def test_errors(self) -> None:
        """
        The errors that the table names are those that the statuses become.
        """
        for status, condition in [(404, "item-not-found"), (403, "forbidden")]:
            self.assertIn(f"``{condition}``", DOCUMENT.text)
            self.assertEqual(errorFromStatus(status).condition, condition)

    def test_seed(self) -> None:
        """
        The stanzas are those of mod_rest's own README, whose token is ours.
        """
        self.assertIn(f'<message type="chat" to="{USER}">', MESSAGE)
        self.assertIn('<ping xmlns="urn:xmpp:ping"/>', PING)
        for command in (MESSAGE, PING):
            self.assertIn(f"--oauth2-bearer {TOKEN}", command)


class PasteTestCase(WorldTestCase):
    """
    A test that pastes what is there, in its order.
    """

    async def prepare(self) -> None:
        """Make the files."""
        require("curl")
        await self.run_(FILES)

    async def start(self, *more: str, port: int = 0) -> Program:
        """
        Start the gateway with the command that is there; returns once it is connected.

        @param more: Further flags.
        @param port: Of the server, if it is another one than this world's.
        """
        program = self.shell(
            shlex.join([*shlex.split(START), *more]),
            XMPPREST_SERVER=f"tcp:127.0.0.1:{port or self.serverPort}",
            XMPPREST_LISTEN="tcp:0:interface=127.0.0.1",
        )
        found = await self.waiting(
            program.expect, r"(?s)Listening for HTTP on .*?\bport\D+(\d+).*connected"
        )
        # So that curl takes what is written there for this.
        self.place.write(
            ".curlrc", f'connect-to = "127.0.0.1:8080:127.0.0.1:{found[1]}"'
        )
        return program


class CommandTests(PasteTestCase):
    """
    Tests of the commands.
    """

    async def test_files(self) -> None:
        """
        The secrets are for nobody else to read.
        """
        await self.prepare()
        for name, text in [("secret", SECRET), ("credentials", f"Bearer {TOKEN}")]:
            path = self.place.path / name
            self.assertEqual(path.read_text().strip(), text)
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    async def test_send(self) -> None:
        """
        A message goes out and is 202, and a query brings its reply.
        """
        await self.prepare()
        await self.start()
        status = f"{MESSAGE} -w '%{{http_code}}'"
        self.assertEqual(await self.run_(f"{status} -s"), "202")
        message = await self.received()
        self.assertEqual(message["to"], USER)
        self.assertEqual(message["from"], DOMAIN)
        self.assertIn("Hello!", message.toXml())
        self.assertRegex(await self.run_(f"{PING} -s"), "^<iq .*type='result'")

    async def test_receive(self) -> None:
        """
        What the callback gets is what is written there.
        """
        (block,) = DOCUMENT.of("http")
        head, _, body = block.partition("\n\n")
        first, *fields = head.splitlines()
        port, posted = self.record()
        (flags,) = re.findall(r"Add ``(--callback-url [^`]*)``", DOCUMENT.text)
        (only,) = re.findall(r"``(--callback-stanzas [^`]*)``", DOCUMENT.text)
        await self.prepare()
        await self.start(*flags.replace("9999", str(port)).split(), *only.split())
        self.send(f"<presence to='bot@{DOMAIN}' from='{USER}'/>")
        self.send(body)
        request, content = await got(posted)
        self.assertEqual(content.decode(), body)
        self.assertEqual(
            f"{request.method.decode()} {request.uri.decode()} HTTP/1.1", first
        )
        headers: Headers = request.requestHeaders
        for field in fields:
            name, _, value = field.partition(": ")
            self.assertEqual(headers.getRawHeaders(name), [value])

    async def test_botInDemo(self) -> None:
        """
        The demo takes one's own bot.
        """
        require("curl")
        port, posted = self.record()
        program = self.shell(
            f"{BOT_DEMO} --listen tcp:0:interface=127.0.0.1".replace("9999", str(port))
        )
        found = await self.waiting(
            program.expect, r"(?ms)^ +(curl .*?)\n\n.*nothing is left behind"
        )
        await self.run_(found[1])
        _, content = await got(posted)
        self.assertIn(b"<body>Echo: Hello!</body>", content)

    async def test_configuration(self) -> None:
        """
        The file is good, and says what the flag and the variable beside it do.
        """
        (toml,) = DOCUMENT.of("toml")
        self.assertEqual(tomllib.loads(toml)["iq-timeout"], 60)
        (flag,) = re.findall(r"``(--iq-timeout 60)``", DOCUMENT.text)
        (variable,) = re.findall(r"``XMPPREST_IQ_TIMEOUT=(60)``", DOCUMENT.text)
        await self.prepare()
        self.place.write("xmpprest.toml", toml)
        printed = await self.run_(
            f".venv/bin/twist xmpprest --config xmpprest.toml {flag} --print-config",
            XMPPREST_SECRET_FILE="secret",
            XMPPREST_CREDENTIALS_FILE="credentials",
            XMPPREST_IQ_TIMEOUT=variable,
        )
        values = tomllib.loads(printed)
        self.assertEqual(values["iq-timeout"], 60)
        self.assertEqual(values["listen"], tomllib.loads(toml)["listen"])

    async def test_tls(self) -> None:
        """
        The commands for TLS are good, with the files that they name.
        """
        await self.prepare()
        (toml,) = DOCUMENT.of("toml")
        self.place.write("xmpprest.toml", toml)
        # Apart from the authority's own: Twisted's tls: goes in circles over a root.
        keys, live = self.place.path / "keys", self.place.path / "live"
        for directory in (keys, live):
            directory.mkdir()
        certificate = Authority(keys).issue("localhost")
        for directory in (self.place.path, live):
            shutil.copy(certificate.keyFile, directory / "key.pem")
            shutil.copy(certificate.certificateFile, directory / "cert.pem")
        for command in (TLS, SSL):
            actual = command.replace("/etc/letsencrypt/live", str(live))
            said = await self.run_(
                f"{actual} --check-config",
                XMPPREST_SECRET_FILE="secret",
                XMPPREST_CREDENTIALS_FILE="credentials",
            )
            self.assertIn("would start", said)


class _Configured(ServerProcess):
    """
    A server with the component that README.rst tells one to configure.
    """

    componentDomain = DOMAIN


class ReadmeProsody(_Configured, Prosody):
    """
    Prosody, with the lines of README.rst at the end of its configuration.
    """

    def _configure(self) -> None:
        Prosody._configure(self)
        path = self.directory / "prosody.cfg.lua"
        own = f'Component "{DOMAIN}"\n    component_secret = "{self.componentSecret}"\n'
        text = path.read_text()
        assert own in text
        (lua,) = DOCUMENT.of("lua")
        path.write_text(text.replace(own, "") + f"\n{lua}\n")


class ReadmeEjabberd(_Configured, Ejabberd):
    """
    ejabberd, with the lines of README.rst, but for the port, as its configuration.
    """

    def _configure(self) -> None:
        (yaml,) = DOCUMENT.of("yaml")
        assert yaml.count("5347") == 1
        listeners = [
            f"  - {{port: {port}, ip: {LOOPBACK}, module: ejabberd_c2s}}"
            for port in self.ports
            if port != self.componentPort
        ]
        (self.directory / "ejabberd.yml").write_text(
            "\n".join(
                [
                    f"hosts: [{self.host}]",
                    "loglevel: info",
                    yaml.replace("5347", str(self.componentPort)),
                    *listeners,
                    "modules: {mod_disco: {}, mod_ping: {}}",
                ]
            )
        )


class ServerTests(PasteTestCase):
    """
    Tests of the lines for the configuration of servers.
    """

    async def connects(self, kind: type[ServerProcess]) -> None:
        """Check that the command connects to a server that was configured so."""
        requireServer(kind)
        await self.prepare()
        server = kind()
        self.addCleanup(deferToThread, server.stop)
        await self.waiting(server.start)
        await self.start(port=server.componentPort)
        ping = PING.replace('to="example.org"', f'to="{server.host}"')
        self.assertNotEqual(ping, PING)
        self.assertRegex(await self.run_(f"{ping} -s"), "^<iq .*type='result'")

    async def test_prosody(self) -> None:
        """
        With the lines for Prosody, the command connects to it.
        """
        await self.connects(ReadmeProsody)

    async def test_ejabberd(self) -> None:
        """
        With the lines for ejabberd, the command connects to it.
        """
        await self.connects(ReadmeEjabberd)
