"""Tests of README.rst: each block of code in it is run, or checked."""

from __future__ import annotations

import json
import re
import shutil
import stat
import tomllib
from typing import ClassVar

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from xmpprest.core.errors import errorFromStatus
from xmpprest.core.media import formats
from xmpprest.core.media.formats import FORMATS

from .docs.paste import README, PasteTestCase
from .docs.world import DOMAIN, ROOT, SECRET, TOKEN, USER, got
from .servers.shared import require as requireServer
from .support.ejabberd import Ejabberd
from .support.process import LOOPBACK, ServerProcess
from .support.programs import require
from .support.prosody import Prosody
from .support.server_certificates import Authority

#: What sets up the demo, and what runs the tests.
(TRY_LINE, TEST_LINE) = README.of("")
(
    MESSAGE,
    PING,
    VERSION,
    TEXT,
    XML_MESSAGE,
    XML_PING,
    STATUS,
    BOT_DEMO,
    WRITE_CONFIG,
    CHECK,
    DOCTOR,
    DAEMON,
    KILL,
    NEW_TOKEN,
    TLS,
    SSL,
) = README.of("sh")[2:]
(PLAIN_BOT, FLASK_BOT, EMBEDDING) = README.of("python")
(NODE_BOT,) = README.of("javascript")


#: The states of a message that README.rst names.
STATES = re.findall(
    r"message: ``(\w+)``, ``(\w+)``,\n``(\w+)`` by the server, or ``(\w+)``",
    README.text,
)[0]


class TextTests(SynchronousTestCase):
    """
    Tests of what can be seen without running it.
    """

    def test_languages(self) -> None:
        """
        Every block is one that these tests know how to try.
        """
        known = {"", "sh", "lua", "yaml", "http", "json"}
        self.assertEqual(README.languages, known | {"python", "javascript"})

    def test_lines(self) -> None:
        """
        The two commands that set everything up are one line each, and C{.ci/run}
        takes them from here.
        """
        script = (ROOT / ".ci" / "run").read_text()
        for line in (TRY_LINE, TEST_LINE):
            self.assertEqual(len(line.splitlines()), 1)
            found = [
                pattern
                for pattern in re.findall(r"readme_line '([^']*)'", script)
                if re.search(pattern, line)
            ]
            self.assertEqual(len(found), 1, script)
            inReadme = [
                each for each in README.text.splitlines() if re.search(found[0], each)
            ]
            self.assertEqual([each.strip() for each in inReadme], [line])

    def test_bots(self) -> None:
        """
        The bots are those of C{docs/examples}, where they are run.
        """
        for name, block in (
            ("echobot.py", PLAIN_BOT),
            ("echobot.js", NODE_BOT),
            ("echobot_flask.py", FLASK_BOT),
        ):
            self.assertEqual((ROOT / "docs/examples" / name).read_text().strip(), block)

    def test_embedding(self) -> None:
        """
        The lines for those who embed the gateway stand as they are in the example.
        """
        self.assertIn(EMBEDDING, (ROOT / "docs/examples/embedding.py").read_text())

    def test_paths(self) -> None:
        """
        Every file that it links to or names is there, and none is named without a link.
        """
        paths = [*README.links, *re.findall(r"``(\.ci/run)``", README.text)]
        self.assertGreater(len(paths), 20)
        self.assertNotIn("``docs/", README.text)
        for path in paths:
            self.assertTrue((ROOT / path).exists(), path)

    def test_errors(self) -> None:
        """
        The errors that the table names are those that the statuses become.
        """
        for status, condition in [(404, "item-not-found"), (403, "forbidden")]:
            self.assertIn(f"``{condition}``", README.text)
            self.assertEqual(errorFromStatus(status).condition, condition)

    def test_seed(self) -> None:
        """
        The stanzas are those of mod_rest's own README, whose token is ours.
        """
        self.assertIn(f'<message type="chat" to="{USER}">', XML_MESSAGE)
        self.assertIn('<ping xmlns="urn:xmpp:ping"/>', XML_PING)
        for command in (MESSAGE, PING, VERSION, TEXT, XML_MESSAGE, XML_PING):
            self.assertIn(f"--oauth2-bearer {TOKEN}", command)

    def test_types(self) -> None:
        """
        The media types that it names are those that there are.
        """
        named = re.findall(r"``((?:application|text)/[^`]*)``", README.text)
        self.assertEqual(set(named), set(FORMATS))


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
        A message goes out and is 202, in whatever form, and a query brings its reply.
        """
        await self.prepare()
        await self.start()
        for command in (MESSAGE, TEXT, XML_MESSAGE):
            status, printed = await self.paste(command)
            self.assertEqual(status, 202)
            self.assertTrue(printed.startswith("HTTP/1.1 202 Accepted"), printed)
            message = await self.received()
            self.assertEqual(message["to"], USER)
            self.assertEqual(message["from"], DOMAIN)
            self.assertEqual(message["type"], "chat")
            self.assertEqual(str(message.body), "Hello!")
            # Nobody takes the echo.
            self.assertEqual((await self.received())["type"], "error")
        self.assertIn(json.loads(await self.run_(f"{STATUS} -s"))["state"], STATES)
        (reply,) = map(json.loads, README.of("json"))
        pong = json.loads(await self.run_(f"{PING} -s"))
        self.assertEqual({**pong, "id": reply["id"]}, reply)
        self.assertEqual(len(pong["id"]), len(reply["id"]))
        self.assertRegex(await self.run_(f"{XML_PING} -s"), "^<iq .*type='result'")
        version = json.loads(await self.run_(f"{VERSION} -s"))
        self.assertEqual(version["version"]["name"], "xmpprest")

    async def test_page(self) -> None:
        """The pages that the text names exist."""
        urls = re.findall(r"(?:Open|At)\s(http\S+/rest/\w+/?)\s", README.text)
        self.assertEqual(len(urls), 2)
        await self.prepare()
        await self.start()
        for url in urls:
            self.assertIn("<!DOCTYPE html>", await self.run_(f"curl -sSL {url}"))

    async def test_receive(self) -> None:
        """The callback gets the request that the text shows."""
        (block,) = README.of("http")
        head, _, body = block.partition("\n\n")
        first, *fields = head.splitlines()
        port, posted = self.record()
        (flags,) = re.findall(r"Add ``(--callback-url [^`]*)``", README.text)
        (only,) = re.findall(r"With\s``(--callback-stanzas [^`]*)``", README.text)
        await self.prepare()
        await self.start(*flags.replace("9999", str(port)).split(), *only.split())
        self.send(f"<presence to='bot@{DOMAIN}' from='{USER}'/>")
        stanza = formats.decode(formats.JSON, body.encode())
        self.send(stanza.toXml())
        request, content = await got(posted)
        self.assertEqual(
            list(json.loads(content).items()), list(json.loads(body).items())
        )
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
        self.assertEqual(json.loads(content)["body"], "Echo: Hello!")

    async def test_configuration(self) -> None:
        """
        The file is good, and a key says what the flag and the variable do.
        """
        (flag,) = re.findall(r"``(--iq-timeout 60)``", README.text)
        (variable,) = re.findall(r"``XMPPREST_IQ_TIMEOUT=(60)``", README.text)
        await self.prepare()
        await self.run_(WRITE_CONFIG)
        toml = tomllib.loads((self.place.path / "xmpprest.toml").read_text())
        self.assertEqual(toml["iq-timeout"], 60)
        printed = await self.run_(
            f".venv/bin/twist xmpprest --config xmpprest.toml {flag} --print-config",
            XMPPREST_IQ_TIMEOUT=variable,
        )
        values = tomllib.loads(printed)
        self.assertEqual(values["iq-timeout"], 60)
        self.assertEqual(values["listen"], toml["listen"])

    async def test_production(self) -> None:
        """
        The configuration passes both checks; the daemon starts, logs to the file,
        serves, and ends; a token can be appended once.
        """
        await self.prepare()
        await self.run_(WRITE_CONFIG)
        environ = {
            "XMPPREST_SERVER": f"tcp:127.0.0.1:{self.serverPort}",
            "XMPPREST_LISTEN": "tcp:0:interface=127.0.0.1",
            "XMPPREST_WAITING_LIMIT": "10",
        }
        said = await self.run_(CHECK, **environ)
        self.assertTrue(said.endswith("xmpprest would start.\n"), said)
        said = await self.run_(DOCTOR, **environ)
        self.assertTrue(said.endswith("All checks have passed.\n"), said)
        await self.run_(DAEMON, **environ)
        self.addCleanup(self.shell, KILL)
        await self.connected()
        await self.run_("grep 'Listening for HTTP on ' xmpprest.log")
        said = await self.run_(CHECK, **environ)
        self.assertIn("xmpprest.db is in use by the gateway (process ", said)
        await self.run_(KILL)
        await self.run_("while test -e xmpprest.pid; do sleep 0.1; done")
        said = await self.run_(NEW_TOKEN)
        self.assertIn("secret-token:", said)
        await self.run_(CHECK, **environ)
        again = self.shell(NEW_TOKEN)
        self.assertEqual(await self.waiting(again.end), 1)
        self.assertIn("The file already has a token notifier", again.output)
        await self.run_(CHECK, **environ)

    async def test_tls(self) -> None:
        """
        The commands for TLS are good, with the files that they name.
        """
        await self.prepare()
        await self.run_(WRITE_CONFIG)
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
        (lua,) = README.of("lua")
        path.write_text(text.replace(own, "") + f"\n{lua}\n")


class ReadmeEjabberd(_Configured, Ejabberd):
    """
    ejabberd, with the lines of README.rst, but for the port, as its configuration.

    @cvar further: Further lines.
    """

    further: ClassVar[str] = "modules: {mod_disco: {}, mod_ping: {}}"

    def _configure(self) -> None:
        (yaml,) = README.of("yaml")
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
                    self.further,
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
        ping = PING.replace('"example.org"', f'"{server.host}"')
        self.assertNotEqual(ping, PING)
        self.assertIn('"type": "result"', await self.run_(f"{ping} -s"))

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
