"""Tests for L{xmpprest.commands.doctor}: what is broken is named."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from xmpprest.__main__ import main
from xmpprest.commands.doctor.check_host import Host
from xmpprest.commands.doctor.result import (
    FAILED,
    WARNING,
    CheckResult,
    exitStatus,
    ok,
    summary,
)
from xmpprest.commands.doctor.runner import CheckRunner
from xmpprest.config.callback import CallbackConfig
from xmpprest.config.config import Config
from xmpprest.config.loader import LoadedConfig
from xmpprest.config.secret_files import SecretSource
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.rooms.values import RoomRecord
from xmpprest.demo import DemoPeer, DemoRouter, componentServer
from xmpprest.gateway import makeGateway
from xmpprest.store.sqlite import bot_queries, room_queries
from xmpprest.store.sqlite.database_file import DatabaseFile
from xmpprest.store.sqlite.migrations import migrate
from xmpprest.web.server.listener import Listener

from ..support.loopback import LoopbackTestCase
from ..support.odd_certificates import OddAuthority
from ..support.programs import Place, twist
from ..support.server_certificates import Certificate

reactor: Any = _reactor

DOMAIN = "gateway.localhost"
SECRET = "hush"
ANYWHERE = "tcp:0:interface=127.0.0.1"
HOUR = timedelta(hours=1)


class Router(DemoRouter):
    """
    One that counts those who come.

    @ivar came: How many have.
    @ivar first: Fires when the first has.
    """

    def __init__(self) -> None:
        super().__init__(DemoPeer("localhost", reactor))
        self.came = 0
        self.first: Deferred[None] = Deferred()

    def addRoute(self, destination: str, xs: Any) -> None:
        """A component has come."""
        super().addRoute(destination, xs)
        self.came += 1
        if self.came == 1:
            self.first.callback(None)


class SickMachine(Host):
    """
    A machine with something wrong.
    """

    def __init__(
        self, problem: OSError | None = None, free: int = 2**40, files: int = 2**20
    ) -> None:
        self._problem = problem
        self._free = free
        self._files = files

    def write(self, directory: str) -> None:
        """Fail, or not."""
        super().write(directory)
        if self._problem is not None:
            raise self._problem

    def free(self, directory: str) -> int:
        """Return the number that the test has set."""
        return self._free

    def fileLimit(self) -> int:
        """Return the number that the test has set."""
        return self._files


class Silent(Factory):
    """
    Accepts connections, and says nothing.
    """

    noisy = False
    protocol = Protocol


class _Plain(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(b"What?\r\n")


class Plain(Factory):
    """
    Does not understand TLS.
    """

    noisy = False
    protocol = _Plain


class Page(Resource):
    """
    Answers everything with one status.
    """

    isLeaf = True

    def __init__(self, status: int = 200) -> None:
        super().__init__()
        self._status = status

    def render(self, request: Any) -> bytes:
        """Answer."""
        request.setResponseCode(self._status)
        return b""


def site(status: int = 200) -> Site:
    """A site of one page."""
    made = Site(Page(status))
    made.noisy = False
    made.log = lambda request: None  # type: ignore[method-assign]
    return made


class DoctorTestCase(LoopbackTestCase):
    """
    A test with an XMPP server, a directory, and a doctor.
    """

    async def setUp(self) -> None:  # type: ignore[override]  # trial waits
        self.place = self.directory()
        self.store = self.place / "xmpprest.db"
        self.router = Router()
        self.server = await self.open(componentServer(self.router, SECRET, reactor))

    def directory(self) -> Path:
        """A new one."""
        path = Path(self.mktemp()).resolve()
        path.mkdir()
        return path

    async def open(self, factory: Any, *description: str) -> int:
        """Start any server; its port."""
        return await self.serve(factory, *description)

    async def examine(
        self,
        machine: Host | None = None,
        *,
        now: timedelta = timedelta(),
        timeout: float = 10.0,
        secrets: dict[str, SecretSource] | None = None,
        **settings: Any,
    ) -> dict[str, CheckResult]:
        """Examine a configuration; returns the last finding of each subject."""
        config = self.configuration(**settings)
        examination = CheckRunner(
            LoadedConfig(config, {}, secrets or {}),
            reactor,
            lambda finding: None,
            machine or SickMachine(),
            now=lambda: datetime.now(UTC) + now,
            timeout=timeout,
        )
        findings = await examination.run()
        return {each.subject: each for each in findings}

    def configuration(self, **settings: Any) -> Config:
        """One that is good, but for what a test changes."""
        good: dict[str, Any] = {
            "domain": DOMAIN,
            "secret": SECRET,
            "credentials": ("abc",),
            "server": f"tcp:127.0.0.1:{self.server}",
            "listen": (ANYWHERE,),
            "store": f"sqlite:{self.store}",
        }
        return Config(**{**good, **settings})

    async def assertFound(
        self, subject: str, words: str, state: str = FAILED, **options: Any
    ) -> None:
        """One thing is wrong, and nothing else."""
        findings = await self.examine(**options)
        self.assertIn(words, str(findings[subject]), findings)
        self.assertEqual(findings[subject].state, state, str(findings[subject]))
        others = [str(f) for f in findings.values() if f.subject != subject]
        self.assertEqual([each for each in others if not each.startswith("ok")], [])

    def odd(self, *names: str) -> Certificate:
        """A certificate with these names."""
        authority = OddAuthority(self.directory())
        self.trusted = self.directory()
        shutil.copy(authority.caFile, self.trusted)
        return authority.issueOdd(*names)


class WellTests(DoctorTestCase):
    """
    Where nothing is wrong
    """

    async def test_well(self) -> None:
        """
        Everything is well, and nothing is left behind.
        """
        callback = await self.open(site())
        findings = await self.examine(callbackURL=f"http://127.0.0.1:{callback}/")
        self.assertEqual(
            list(findings),
            [
                "configuration",
                "secrets",
                "open files",
                "store",
                "listen",
                "XMPP server",
                "component",
                "barrier",
                "callback",
                "clock",
            ],
        )
        self.assertEqual(exitStatus([*findings.values()]), 0)
        self.assertEqual(summary([*findings.values()]), "All checks have passed.")
        self.assertIn("came back in", findings["barrier"].words)
        clocks = "equal to the XMPP server's, equal to the callback's"
        self.assertIn(clocks, findings["clock"].words)
        self.assertEqual([*self.place.iterdir()], [])
        self.assertEqual(self.router.routes.keys() & {DOMAIN}, set())

    async def test_memory(self) -> None:
        """The memory store needs no file."""
        findings = await self.examine(store="memory")
        self.assertEqual(exitStatus([*findings.values()]), 0)

    async def test_used(self) -> None:
        """
        A store that was used is looked at, and stays as it is.
        """
        file = DatabaseFile(str(self.store), lambda *a, **b: None, sqlite3.connect)
        file.open().close()
        file.release()
        before = {each.name: each.read_bytes() for each in self.place.iterdir()}
        findings = await self.examine()
        self.assertIn("is a store", findings["store"].words)
        after = {each.name: each.read_bytes() for each in self.place.iterdir()}
        self.assertEqual(after, before)

    async def test_damage(self) -> None:
        """
        Damage within a store is found, with the advice to restore a backup; a store
        that a crash has left, with its log, is not checked.
        """
        connection = sqlite3.connect(self.store, isolation_level=None)
        migrate(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        for n in range(200):
            jid = f"bot{n}{'x' * 200}@{DOMAIN}"
            bot_queries.save(connection, Bot(jid, Profile()))
        connection.close()
        findings = await self.examine()
        self.assertIn("is a store, undamaged; ", findings["store"].words)
        sound = self.store.read_bytes()
        middle = len(sound) // 2 // 4096 * 4096
        self.store.write_bytes(
            sound[:middle] + b"damage!!" * 512 + sound[middle + 4096 :]
        )
        await self.assertFound("store", "restore a backup")
        log = self.store.with_suffix(".db-wal")
        log.write_bytes(b"anything")
        findings = await self.examine()
        words = "is a store, not checked for damage since it was not closed"
        self.assertIn(words, findings["store"].words)


class MachineTests(DoctorTestCase):
    """
    Something is wrong with the machine
    """

    async def test_full(self) -> None:
        """
        The disk is full.
        """
        problem = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        machine = SickMachine(problem)
        await self.assertFound("store", "No space left on device", machine=machine)

    async def test_nearlyFull(self) -> None:
        """
        The disk is nearly full.
        """
        machine = SickMachine(free=2**20)
        words = "its disk has 1 MiB free: free some space"
        await self.assertFound("store", words, WARNING, machine=machine)

    async def test_noDirectory(self) -> None:
        """
        The directory is not there.
        """
        path = self.place / "nowhere" / "xmpprest.db"
        words = f"create the directory {self.place}/nowhere"
        await self.assertFound("store", words, store=f"sqlite:{path}")

    async def test_foreign(self) -> None:
        """
        The file is another program's database, of a later version, or none.
        """
        connection = sqlite3.connect(self.store)
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.close()
        await self.assertFound("store", "is a database of another program")
        self.store.unlink()
        connection = DatabaseFile(
            str(self.store), lambda *a, **b: None, sqlite3.connect
        ).open()
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        self.store.with_suffix(".db.lock").unlink()
        await self.assertFound("store", "is of version 99")
        self.store.write_bytes(b"Dear diary, " * 1000)
        await self.assertFound("store", "is no database")

    async def test_bots(self) -> None:
        """
        Bots of another domain are named; those of the gateway's are no fault.
        """
        for jid in (f"bot@{DOMAIN}", "bot@old.example"):
            connection = sqlite3.connect(self.store, isolation_level=None)
            migrate(connection)
            bot_queries.save(connection, Bot(jid, Profile()))
            connection.close()
            if jid.endswith(DOMAIN):
                self.assertNotIn("bots", await self.examine())
        await self.assertFound("bots", "bot@old.example cannot be online", WARNING)

    async def test_rooms(self) -> None:
        """
        A room from which a bot was removed is named; one in which it is, is no fault.
        """
        room = "room@rooms.example.org"
        for isRemoved in (False, True):
            connection = sqlite3.connect(self.store, isolation_level=None)
            migrate(connection)
            record = RoomRecord(room, DOMAIN, f"{DOMAIN}/x", "x", joinedAt=1.0)
            room_queries.save(connection, replace(record, isRemoved=isRemoved))
            connection.close()
            if not isRemoved:
                self.assertNotIn("rooms", await self.examine())
        await self.assertFound("rooms", f"was removed from {room}", WARNING)

    async def test_files(self) -> None:
        """
        Too few files may be open.
        """
        machine = SickMachine(files=1024)
        words = "raise LimitNOFILE"
        await self.assertFound("open files", words, WARNING, machine=machine)

    async def test_secrets(self) -> None:
        """
        Everybody can read a secret.
        """
        path = self.place / "secret"
        path.write_text(SECRET)
        secrets = {"secret": SecretSource(SECRET, "--secret-file", path)}
        path.chmod(0o600)
        self.assertEqual((await self.examine(secrets=secrets))["secrets"].state, "ok")
        path.chmod(0o644)
        words = f"chmod o-rwx {path}"
        await self.assertFound("secrets", words, WARNING, secrets=secrets)

    async def test_clock(self) -> None:
        """
        The clock is wrong, by the XMPP server's and the callback's.
        """
        await self.assertFound("clock", " s ahead of the XMPP server's", now=HOUR)
        callback = await self.open(site())
        url = f"http://127.0.0.1:{callback}/"
        words = " s behind the callback's"
        await self.assertFound("clock", words, now=-HOUR, callbackURL=url)
        minute = timedelta(minutes=1)
        await self.assertFound("clock", "set the clock", WARNING, now=minute)


class ServerTests(DoctorTestCase):
    """
    Something is wrong with the XMPP server
    """

    async def test_wrongSecret(self) -> None:
        """
        The server has another secret.
        """
        words = "compare it with component_secret"
        await self.assertFound("component", words, secret="psst")

    async def test_wrongPort(self) -> None:
        """
        Nothing listens at the port.
        """
        words = "nothing listens on this port"
        await self.assertFound("XMPP server", words, server="tcp:127.0.0.1:1")

    async def test_wrongEndpoint(self) -> None:
        """The server is no valid endpoint."""
        words = "expected a Twisted client endpoint"
        await self.assertFound("XMPP server", words, server="pigeon:5347")

    async def test_anotherProtocol(self) -> None:
        """
        Something else listens at the port.
        """
        port = await self.open(site())
        words = "this is not the server's port for components"
        await self.assertFound("component", words, server=f"tcp:127.0.0.1:{port}")

    async def test_silent(self) -> None:
        """
        Something listens, and says nothing.
        """
        port = await self.open(Silent())
        await self.assertFound(
            "component",
            "the server did not accept the handshake within 0.1 s",
            server=f"tcp:127.0.0.1:{port}",
            timeout=0.1,
        )

    async def overTLS(self, certificate: Certificate) -> int:
        """Offer the server over TLS, too."""
        return await self.open(
            componentServer(self.router, SECRET, reactor),
            f"ssl:0:interface=127.0.0.1:privateKey={certificate.keyFile}"
            f":certKey={certificate.certificateFile}",
        )

    async def test_tls(self) -> None:
        """
        The certificate is good.
        """
        port = await self.overTLS(self.odd("localhost"))
        server = f"tls:localhost:{port}:trustRoots={self.trusted}"
        findings = await self.examine(server=server)
        self.assertEqual(exitStatus([*findings.values()]), 0, findings)

    async def test_several(self) -> None:
        """
        Each of several is asked, and what is wrong says with which.
        """
        good = f"http://127.0.0.1:{await self.open(site())}/"
        lost = f"http://127.0.0.1:{await self.open(site(404))}/"
        several = [
            CallbackConfig(name=name, url=url)
            for name, url in (
                ("good", good),
                ("lost", lost),
                ("out", "http://[::1]:1/"),
            )
        ]
        found = await self.examine(callbacks=several, callbackURL=good)
        self.assertEqual(found["callback"].state, "ok")
        self.assertEqual(found["callback good"].state, "ok")
        self.assertIn("the path in its url", found["callback lost"].words)
        self.assertIn("or correct its url", found["callback out"].words)
        self.assertIn("equal to the callback good's", found["clock"].words)

    async def test_tlsName(self) -> None:
        """
        The certificate is for another name.
        """
        port = await self.overTLS(self.odd("xmpp.example"))
        await self.assertFound(
            "XMPP server",
            "certificate is for another name",
            server=f"tls:localhost:{port}:trustRoots={self.trusted}",
        )

    async def test_tlsCA(self) -> None:
        """
        The certificate is from an unknown CA.
        """
        port = await self.overTLS(self.odd("localhost"))
        words = "is from an unknown CA, or has expired"
        await self.assertFound("XMPP server", words, server=f"tls:localhost:{port}")

    async def test_noTLS(self) -> None:
        """
        The port does not speak TLS.
        """
        server = f"tls:localhost:{await self.open(Plain())}"
        await self.assertFound("XMPP server", "does not use TLS", server=server)


class CallbackTests(DoctorTestCase):
    """
    Something is wrong with the callback
    """

    async def assertCallback(
        self, factory: Any, words: str, state: str = FAILED, **options: Any
    ) -> None:
        """A callback is not as it should be."""
        url = f"http://127.0.0.1:{await self.open(factory)}/"
        await self.assertFound("callback", words, state, callbackURL=url, **options)

    async def test_refuses(self) -> None:
        """
        Nothing listens there.
        """
        words = "Connection refused): start it"
        await self.assertFound("callback", words, callbackURL="http://127.0.0.1:1/")

    async def test_silent(self) -> None:
        """
        The callback does not answer in time. (Nothing else answers in so short a time.)
        """
        url = f"http://127.0.0.1:{await self.open(Silent())}/"
        findings = await self.examine(callbackURL=url, timeout=0.2)
        self.assertIn("no answer within 0.2 s", findings["callback"].words)

    async def test_statuses(self) -> None:
        """The callback answers with a suspicious status."""
        await self.assertCallback(site(302), "redirects are not followed")
        await self.assertCallback(site(502), "a proxy answers")
        await self.assertCallback(
            site(401), "set callback-url to https://USER:PASSWORD@HOST", WARNING
        )
        await self.assertCallback(site(404), "the path in --callback-url", WARNING)
        await self.assertCallback(site(500), "its log may contain the reason", WARNING)
        await self.assertCallback(site(501), "does not need to support OPTIONS", "ok")

    async def test_tlsName(self) -> None:
        """The callback's certificate is for another name."""
        port = await self.listen(certificate=self.odd("bot.example"))
        await self.assertFound(
            "callback",
            "its certificate is not for localhost",
            callbackURL=f"https://localhost:{port}/",
            callbackCAFile=str(self.trusted / "ca.pem"),
        )

    async def test_caFile(self) -> None:
        """
        The file with the CAs is not there.
        """
        await self.assertFound(
            "callback",
            "expected a PEM file",
            callbackURL="https://localhost/",
            callbackCAFile=str(self.place / "ca.pem"),
        )


class ListenTests(DoctorTestCase):
    """
    Another process, maybe the gateway, listens already
    """

    async def start(self, **settings: Any) -> str:
        """Start the gateway; returns where it listens."""
        gateway = makeGateway(self.configuration(**settings), reactor)
        listener = Listener(ANYWHERE, gateway.site, reactor)
        listener.setServiceParent(gateway.service)
        gateway.service.startService()
        self.addCleanup(gateway.service.stopService)
        if not settings:
            await self.router.first
        return f"tcp:{listener.address.port}:interface=127.0.0.1"

    async def test_taken(self) -> None:
        """
        Another program listens there.
        """
        listen = (f"tcp:{await self.open(site())}:interface=127.0.0.1",)
        await self.assertFound("listen", "another program uses", listen=listen)

    async def test_noSuchAddress(self) -> None:
        """
        The machine does not have the address.
        """
        listen = ("tcp:0:interface=192.0.2.1",)
        await self.assertFound("listen", "has no such address", listen=listen)

    async def test_runs(self) -> None:
        """
        A gateway that runs and is ready is asked, and left alone.
        """
        listen = await self.start()
        findings = await self.examine(listen=(listen,))
        self.assertEqual(exitStatus([*findings.values()]), 0, findings)
        self.assertIn("it runs and is ready", findings["gateway"].words)
        words = f"(process {os.getpid()}), undamaged; "
        self.assertIn(words, findings["store"].words)
        self.assertEqual(self.router.came, 1)
        self.assertNotIn("component", findings)

    async def test_waits(self) -> None:
        """
        A gateway that runs is asked for bots that have not been in a room for long.
        """
        connection = sqlite3.connect(self.store, isolation_level=None)
        migrate(connection)
        room = "room@rooms.example.org"
        record = RoomRecord(room, DOMAIN, f"{DOMAIN}/x", "x", joinedAt=1.0)
        room_queries.save(connection, record)
        connection.close()
        listen = (await self.start(),)
        findings = await self.examine(listen=listen)
        self.assertNotIn("rooms", findings)
        found = (await self.examine(listen=listen, now=HOUR))["rooms"]
        self.assertEqual(found.state, WARNING)
        self.assertIn(f"{DOMAIN} has not been in {room} since", found.words)

    async def test_runsNotReady(self) -> None:
        """
        A gateway that runs tells what it lacks.
        """
        listen = await self.start(server="tcp:127.0.0.1:1")
        words = "there is no connection to the XMPP server"
        await self.assertFound("gateway", words, listen=(listen,))
        self.assertEqual(self.router.came, 0)

    async def test_runsElsewhere(self) -> None:
        """
        A gateway that has the store, but listens somewhere else, is left alone, too.
        """
        await self.start()
        await self.assertFound("gateway", "a gateway seems to run", WARNING)
        self.assertEqual(self.router.came, 1)

    async def test_anotherGateway(self) -> None:
        """
        A gateway with another store may be ours all the same.
        """
        listen = await self.start()
        await self.assertFound(
            "gateway",
            "a gateway with another store uses this port",
            listen=(listen,),
            store=f"sqlite:{self.place}/other.db",
        )
        self.assertEqual(self.router.came, 1)


class CommandTests(SynchronousTestCase):
    """
    Tests of C{python -m xmpprest}.
    """

    def run_(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Run it; returns the status, and what it prints."""
        python = twist()[0]
        command = [python, "-m", "xmpprest", *arguments]
        program = Place(self).start(command, **environ)
        return program.end(), program.output

    def test_configuration(self) -> None:
        """
        A configuration that is not good enough is the first thing that is wrong.
        """
        code, said = self.run_("doctor", "--iq-timeout", "soon")
        self.assertEqual(code, 1)
        self.assertRegex(said, r"^FAILED   configuration: --iq-timeout is 'soon'")
        self.assertIn("\n1 check has failed: do what", said)

    def test_unknown(self) -> None:
        """
        Without a command that there is, those that there are are named.
        """
        for arguments in ((), ("surgeon",)):
            said = str(self.assertRaises(SystemExit, main, arguments))
            self.assertIn("doctor     Check a configuration", said)

    def test_demo(self) -> None:
        """
        The demo has nothing to examine.
        """
        code, said = self.run_("doctor", "--demo")
        self.assertEqual(code, 1)
        self.assertIn("leave --demo out", said)


class FindingsTests(SynchronousTestCase):
    """
    Tests for L{xmpprest.commands.doctor.result}.
    """

    def test_line(self) -> None:
        """
        A finding is one line that ends with one full stop.
        """
        self.assertEqual(str(ok("disk", "it\nturns.")), "ok       disk: it turns.")

    def test_conclusion(self) -> None:
        """
        All of it is one sentence, and an exit status.
        """
        good, odd, bad = (CheckResult(s, "", "") for s in ("ok", WARNING, FAILED))
        for findings, words, code in (
            ([good], "All checks have passed.", 0),
            ([good, odd], "The gateway works, but look at the warning.", 0),
            ([odd, odd], "look at the 2 warnings.", 0),
            ([odd, bad], "1 check has failed: do what", 1),
            ([bad, bad], "2 checks have failed. Start with the first", 1),
        ):
            self.assertIn(words, summary(findings))
            self.assertEqual(exitStatus(findings), code)
