"""
The pages of the manual about hooks, and about other programs that send: their commands
and configurations are run, with the programs themselves where Debian or PyPI has them.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from hashlib import sha256
from pathlib import Path

from twisted.words.xish.domish import Element

from tests.docs.document import Document
from tests.docs.world import DOMAIN, ROOT, SECRET, TOKEN, USER, WorldTestCase
from tests.support.process import freePorts
from tests.support.programs import Program, require, skipBecause, twist

PAGES = ROOT / "docs" / "how-to"
#: The text that the pages have in the place of the secret of a hook.
URL_SECRET = "SECRET"

_CONFIG = """\
domain = "gateway.example.org"
secret-file = "secret"
credentials-file = "credentials"
store = "sqlite:store.db"
callback-url = "{callback}"
"""
_HOOK = """
[[hooks]]
name = "{name}"
secret-sha256 = "{hash}"
to = "user@example.org"
{more}
"""


def page(name: str) -> Document:
    """Return the page about a program."""
    return Document(PAGES / f"connect-{name}.rst")


class HookPageTestCase(WorldTestCase):
    """
    A test that has a gateway with hooks.

    @ivar port: The port of the gateway, which the pages call 8080.
    """

    async def serve(self, *names: str, more: str = "", callback: str = "pull:") -> None:
        """
        Start the gateway.

        @param names: The names of the hooks.
        @param more: Further keys of each hook.
        """
        require("curl")
        self.silence()
        (self.port,) = freePorts(1)
        digest = sha256(URL_SECRET.encode()).hexdigest()
        hooks = [_HOOK.format(name=name, hash=digest, more=more) for name in names]
        self.place.write("secret", SECRET)
        self.place.write("credentials", f"Bearer {TOKEN}\n")
        config = _CONFIG.format(callback=callback)
        self.place.write("xmpprest.toml", "".join([config, *hooks]))
        self.gateway = self.place.start(
            twist(
                "xmpprest",
                "--config=xmpprest.toml",
                f"--server=tcp:127.0.0.1:{self.serverPort}",
                f"--listen=tcp:{self.port}:interface=127.0.0.1",
            )
        )
        await self.connected()

    def local(self, text: str) -> str:
        """Return a text of a page with the port of this gateway."""
        return text.replace("127.0.0.1:8080", f"127.0.0.1:{self.port}")

    async def message(self) -> str:
        """Return the text of the next message that the user gets."""
        stanza = await self.received()
        self.assertEqual((stanza["to"], stanza["type"]), (USER, "chat"))
        return bodyOf(stanza)


def bodyOf(stanza: Element) -> str:
    """Return the text of a message."""
    (body,) = [each for each in stanza.elements() if each.name == "body"]
    return str(body)


class CommandTests(HookPageTestCase):
    """
    Pages whose commands need nothing but a shell
    """

    async def test_create(self) -> None:
        """
        The command creates a hook that works after a restart, and shows what a payload
        becomes.
        """
        await self.serve()
        document = Document(PAGES / "hooks.rst")
        create, post, attempt = document.of("sh")
        said = await self.run_(create)
        await self.waiting(self.gateway.end, 15)
        (url,) = re.findall(r"http://\S+", said)
        text = (self.place.path / "xmpprest.toml").read_text()
        self.place.write("xmpprest.toml", text.replace("ops@example.org", USER))
        self.gateway = self.place.start(
            twist(
                "xmpprest",
                "--config=xmpprest.toml",
                f"--server=tcp:127.0.0.1:{self.serverPort}",
                f"--listen=tcp:{self.port}:interface=127.0.0.1",
            )
        )
        await self.connected()
        path = "/hooks/alerts/SECRET"
        self.assertIn(path, post)
        secret = url.rpartition("/")[2]
        await self.run_(self.local(post.replace(URL_SECRET, secret)))
        self.assertEqual(await self.message(), "Backup of db1 has failed")
        self.place.write("payload.json", '{"text": "*hi* <https://x.example|there>"}')
        self.assertEqual(await self.run_(attempt), "*hi* there (https://x.example)\n")

    async def test_ntfy(self) -> None:
        """
        Scripts for ntfy work, and the message is the one that the page shows.
        """
        await self.serve("phone", more='shape = "ntfy"')
        document = page("ntfy")
        _, first, second = document.of("sh")
        await self.run_(self.local(first))
        self.assertEqual(await self.message(), "Backup successful")
        await self.run_(self.local(second))
        (shown,) = document.of("none")
        self.assertEqual(await self.message(), shown.strip())

    async def test_github(self) -> None:
        """
        The signed request is accepted; one that is signed with another secret is not.
        """
        require("openssl")
        self.place.write("github.secret", "It's a Secret\n")
        more = 'shape = "github"\nsigning-secret-file = "github.secret"'
        await self.serve("github", more=more)
        command = self.local(page("github").of("sh")[1])
        await self.run_(command)
        self.assertEqual(
            await self.message(), "The webhook is connected\nKeep it logically awesome."
        )
        self.place.write("github.secret", "another\n")
        self.assertIn("not signed", await self.run_(command))

    async def test_cron(self) -> None:
        """
        The script posts the output of a command that fails, and keeps its status; it
        is quiet about one that succeeds.
        """
        await self.serve("cron")
        (_, script), url = page("cron").of("sh"), self.place.path / "xmpprest-hook"
        url.write_text(f"http://127.0.0.1:{self.port}/hooks/cron/{URL_SECRET}\n")
        script = script.replace("/etc/xmpprest-hook", str(url))
        report = shlex.quote(self.place.write("report", script))
        self.assertEqual(await self.run_(f"sh {report} true"), "")
        failing = "sh -c 'echo no space; exit 3'"
        said = await self.run_(f"sh {report} {failing}; echo status $?")
        self.assertEqual(said, "status 3\n")
        self.assertRegex(await self.message(), r"^sh failed with status 3 on .+\nno sp")

    async def test_systemd(self) -> None:
        """
        systemd accepts the unit, and its command posts the name of the unit.
        """
        require("systemd-analyze")
        await self.serve("units")
        unit = page("systemd").of("ini")[0]
        path = self.place.write("xmpp-failure@.service", unit)
        await self.run_(f"systemd-analyze verify {path.replace('@.', '@test.')}")
        url = self.place.path / "xmpprest-hook"
        url.write_text(f"http://127.0.0.1:{self.port}/hooks/units/{URL_SECRET}\n")
        (command,) = re.findall(r"(?m)^ExecStart=(.*)$", unit)
        # As systemd replaces what stands for something.
        for written, meant in [
            ("/etc/xmpprest-hook", str(url)),
            ('journalctl -u "%i" -n 10 -o cat', "echo no space"),
            ("$$", "$"),
            ("%i", "backup.service"),
            ("%H", "db1"),
        ]:
            self.assertIn(written, command)
            command = command.replace(written, meant)
        await self.run_(command)
        self.assertEqual(await self.message(), "backup.service failed on db1\nno space")

    async def test_bridges(self) -> None:
        """
        A message has the address of a foreign user.
        """
        await self.serve()
        (command,) = page("bridges").of("sh")
        await self.run_(self.local(command))
        stanza = await self.received()
        self.assertEqual(stanza["from"], f"alice%other.net@{DOMAIN}")
        self.assertEqual(bodyOf(stanza), "Hello from the other side")

    async def test_agent(self) -> None:
        """
        The agent answers a message once, and leaves alone what is old or not for it.
        """
        await self.serve()
        (program,) = page("ai-agent").of("python")
        self.place.write("agent.py", program)
        url = f"http://127.0.0.1:{self.port}/rest"
        agent = self.place.start([sys.executable, "agent.py", url, TOKEN])
        sent = (
            f"<message to='bot@{DOMAIN}' from='{USER}/1' type='%s' id='%s'>"
            "<body>%s</body>%s</message>"
        )
        delay = "<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>"
        self.send(sent % ("chat", "a", "old", delay))
        self.send(sent % ("groupchat", "b", "room", ""))
        self.send(sent % ("chat", "c", "hi", ""))
        self.assertEqual(bodyOf(await self.received()), "You said: hi")
        self.send(sent % ("chat", "d", "again", ""))
        self.assertEqual(bodyOf(await self.received()), "You said: again")
        await self.waiting(agent.end, 15)
        self.assertNotIn("Traceback", agent.output)


class ProgramTests(HookPageTestCase):
    """
    Pages about programs that are run
    """

    def start(self, *command: str) -> Program:
        """Start a program."""
        return self.place.start([*command])

    async def test_alertmanager(self) -> None:
        """
        Alertmanager, configured as the page says, sends the message that it shows; an
        alert that ends is resolved, and twenty alerts are one message.
        """
        require("prometheus-alertmanager")
        await self.serve("alerts")
        document = page("alertmanager")
        (config,) = document.of("yaml")
        self.place.write("alertmanager.yml", self.local(config))
        (port,) = freePorts(1)
        self.start(
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.path=data",
            "--cluster.listen-address=",
        )
        address = f"http://127.0.0.1:{port}"
        retries = "--retry 20 --retry-connrefused --retry-delay 1"
        await self.run_(f"curl -sS --fail {retries} {address}/-/ready")
        (_, add) = document.of("sh")
        await self.run_(add.replace("http://127.0.0.1:9093", address))
        (shown,) = document.of("none")
        message = await self.message()
        self.assertTrue(message.startswith(shown.strip() + "\nhttp://"), message)
        many = [
            {"labels": {"alertname": "DiskFull", "instance": f"web{number}"}}
            for number in range(20)
        ]
        self.place.write("alerts.json", json.dumps(many))
        await self.run_(
            f"curl -sS --fail {address}/api/v2/alerts"
            " -H 'Content-Type: application/json' -d @alerts.json"
        )
        lines = (await self.message()).split("\n")
        self.assertEqual(lines[0], "🔴 FIRING: DiskFull, 20 alerts")
        self.assertEqual(len([each for each in lines if each.startswith("- ")]), 20)

    async def test_apprise(self) -> None:
        """
        Apprise reaches a hook and the API by the addresses of the page.
        """
        apprise = Path(sys.executable).parent / "apprise"
        if not apprise.exists():
            skipBecause("Apprise is not installed")
        script = self.place.path / ".venv" / "bin" / "apprise"
        script.symlink_to(apprise)
        await self.serve("backup")
        document = page("apprise")
        hook, token = document.of("sh")
        path = f"PATH={script.parent}:$PATH"
        await self.run_(f"{path}; {self.local(hook)}")
        (shown,) = document.of("none")
        self.assertEqual(await self.message(), shown.strip())
        for scheme, text in (
            ("gotify", "Backup failed\nNo space left on nas1"),
            ("apprise", shown.strip()),
        ):
            self.assertIn(
                f"{scheme}://127.0.0.1:8080/hooks/backup/SECRET/x", document.text
            )
            other = hook.replace("json:", f"{scheme}:").replace("SECRET", "SECRET/x")
            await self.run_(f"{path}; {self.local(other)} --attach {__file__}")
            self.assertEqual(await self.message(), text)
        await self.run_(f"{path}; {self.local(token.replace('TOKEN', TOKEN))}")
        stanza = await self.received()
        self.assertEqual(bodyOf(stanza), "No space left on nas1")
        self.assertIn("Backup failed", stanza.toXml())
