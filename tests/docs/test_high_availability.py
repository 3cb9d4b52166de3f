"""Tests of C{docs/how-to/high-availability.rst}: its files, and two balancers."""

from __future__ import annotations

import re
from typing import Any

import yaml
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.servers import shared
from tests.support.postgresql import PostgreSQL
from tests.support.process import LOOPBACK, ServerProcess, freePorts
from tests.support.programs import ROOT, Place, require
from tests.support.survival.cluster import SERVERS, ClusterOrdeal
from tests.support.survival.http import Answer, Client, InDoubt, NotSent
from tests.support.survival.load import sleep

PACKAGING = ROOT / "packaging"
UNIT, TEMPLATE = PACKAGING / "xmpprest.service", PACKAGING / "xmpprest@.service"
COMPOSE = PACKAGING / "compose-cluster.yaml"
PORTS = (8081, 8082, 8083)


class FileTests(SynchronousTestCase):
    """
    Files for several instances
    """

    def test_template(self) -> None:
        """The template has each line of the unit but those that name the instance."""
        lines, template = (
            {*each.read_text().splitlines()} for each in (UNIT, TEMPLATE)
        )
        missing = {each for each in lines - template if not each.startswith("#")}
        names = {each.partition("=")[0] for each in missing}
        self.assertEqual(
            names, {"Description", "ExecStart", "StateDirectory", "WorkingDirectory"}
        )
        self.assertIn("--listen tcp:%i:", TEMPLATE.read_text())

    def test_verify(self) -> None:
        """The template is valid, once the program is there."""
        require("systemd-analyze")
        text = TEMPLATE.read_text().replace("/opt/xmpprest/bin/twist", "/bin/true")
        path = Place(self).write("xmpprest@.service", text)
        program = Place(self).start(["systemd-analyze", "verify", "--man=no", path])
        self.assertEqual(program.end(), 0, program.output)
        self.assertNotIn("xmpprest@", program.output)

    def test_compose(self) -> None:
        """The instances of the containers are alike, and the balancer knows each."""
        services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
        names = [each for each in services if re.match(r"xmpprest\d", each)]
        self.assertEqual(len(names), 3)
        for each in names:
            self.assertEqual(services[each], services[names[0]])
        balancer = (PACKAGING / "Caddyfile-compose").read_text()
        self.assertIn(" ".join(f"{each}:8080" for each in names), balancer)
        self.assertEqual({*services["balancer"]["depends_on"]}, {*names})


class Proxy(ServerProcess):
    """
    A load balancer with its configuration from C{packaging}, on loopback without TLS.
    """

    portCount = 1

    def __init__(self, ports: list[int]) -> None:
        super().__init__()
        self._text = self.file.read_text()
        for number, port in zip(PORTS, ports, strict=True):
            self._text = self._text.replace(f"127.0.0.1:{number}", f"{LOOPBACK}:{port}")

    file = PACKAGING / "none"


class Caddy(Proxy):
    """Caddy."""

    name = "caddy"
    file = PACKAGING / "Caddyfile-cluster"

    def _configure(self) -> None:
        text = self._text.replace(
            "gateway.example.org {", f"http://localhost:{self.ports[0]} {{"
        )
        options = "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\n"
        (self.directory / "config").write_text(options + text)

    def _command(self) -> list[str]:
        return ["caddy", "run", "--config", "config", "--adapter", "caddyfile"]

    def _environment(self) -> dict[str, str]:
        return {"HOME": str(self.directory)}


class Nginx(Proxy):
    """nginx."""

    name = "nginx"
    file = PACKAGING / "nginx-cluster.conf"

    def _configure(self) -> None:
        text = re.sub(r"    ssl_certificate\S* .*\n", "", self._text)
        text = text.replace("listen 443 ssl", f"listen {LOOPBACK}:{self.ports[0]}")
        paths = "".join(
            f"{each}_temp_path {each};\n"
            for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        (self.directory / "config").write_text(
            "daemon off;\nuser root;\npid nginx.pid;\nerror_log stderr;\nevents {}\n"
            f"http {{\naccess_log off;\n{paths}{text}}}\n"
        )

    def _command(self) -> list[str]:
        return ["nginx", "-p", ".", "-c", "config"]


class BalancerTests(TestCase):
    """
    Instances behind Caddy and nginx
    """

    timeout = 300
    skip = PostgreSQL.missing() or None

    async def test_takeover(self) -> None:
        """
        Requests reach the active instance, whichever that is, also after it was
        stopped. Behind Caddy none fails; nginx answers 502 for one that is down.
        """
        for program in ("caddy", "nginx"):
            require(program)
        kind = SERVERS["Prosody"]
        shared.require(kind)
        ordeal = ClusterOrdeal(kind(), 0, instances=2, senders=0, inboundPause=1.0)
        self.addCleanup(ordeal.stop)
        await ordeal.start()
        ports = [each.port for each in ordeal.cluster.instances]
        self.proxies = [make([*ports, *freePorts(1)]) for make in (Caddy, Nginx)]
        for each in self.proxies:
            self.addCleanup(each.stop)
            await deferToThread(each.start)
        await self.send(isPatient=True)
        for _ in range(5):
            await self.send()
        active = await ordeal.awaitActive()
        await deferToThread(active.shutdown)
        await self.send(isPatient=True)
        for _ in range(5):
            await self.send()

    async def send(self, *, isPatient: bool = False) -> None:
        """
        Send a message through each proxy.

        @param isPatient: Whether to repeat it while it is refused.
        """
        for proxy in self.proxies:
            while True:
                answer = await self.ask(proxy)
                if answer.status == 202:
                    break
                isExpected = proxy.name == "nginx" and answer.status == 502
                self.assertTrue(isPatient or isExpected, (proxy.name, answer))
                await sleep(0.1)

    async def ask(self, proxy: Proxy) -> Answer:
        """POST a message."""
        client = Client(proxy.ports[0])
        try:
            return await client.request(
                "POST", "/rest", "<message to='a@localhost'><body>x</body></message>"
            )
        except (NotSent, InDoubt):
            return Answer(0, "", "", b"")
        finally:
            await client.close()
