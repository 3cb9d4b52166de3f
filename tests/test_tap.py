"""Tests for L{xmpprest.tap}: what stands on the command line, and what comes of it."""

from __future__ import annotations

import gc
import io
import os
import re
import resource
import signal
import socket
import sys
import time
import tomllib
from pathlib import Path
from typing import NoReturn

from twisted.application.service import IServiceMaker, MultiService
from twisted.internet import reactor
from twisted.plugin import getPlugins
from twisted.python.usage import Options as AnyOptions
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from xmpprest._version import __version__
from xmpprest.config.config import SETTINGS
from xmpprest.config.loader import LoadedConfig
from xmpprest.demo import Demo
from xmpprest.service.gc_tuning import THRESHOLD
from xmpprest.service.monotonic import useMonotonicTime
from xmpprest.service.reload import ReloadOnSIGHUP
from xmpprest.tap import Options, makeService
from xmpprest.web.server.listener import Listener

from .support.programs import Place, Program, require, twist, twistd
from .support.server_certificates import Authority

#: An environment that is enough to start with.
ENOUGH = {
    "XMPPREST_DOMAIN": "gateway.example",
    "XMPPREST_SECRET": "hush",
    "XMPPREST_CREDENTIALS": "Bearer abc",
    # Nobody is there, which is not what these tests are about.
    "XMPPREST_SERVER": "tcp:127.0.0.1:1",
}


#: A port that is free.
ANYWHERE = "tcp:0:interface=127.0.0.1"


class OptionsTests(SynchronousTestCase):
    """
    Tests for L{Options}.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", dict(ENOUGH))
        self.printed = io.StringIO()
        self.patch(sys, "stdout", self.printed)

    def parse(self, *arguments: str) -> Options:
        """Parse a command line."""
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def refusal(self, *arguments: str) -> str:
        """The message that parsing ends with."""
        return str(self.assertRaises(UsageError, self.parse, *arguments))

    def test_flags(self) -> None:
        """
        Each setting has a flag.
        """
        options = self.parse(
            *("--domain=other.example", "--server=tcp:xmpp.example:1"),
            *("--listen=tcp:1", "--listen=tcp:2", "--admin-listen=9090"),
            *("--log-format=text", "--log-requests=yes"),
            *("--callback-url=http://bot.example/", "--callback-content-type=xml"),
            *("--callback-stanzas=iq", "--callback-events=bare"),
            *("--callback-connections=7", "--callback-batch=3"),
            *("--callback-ca-file=ca.pem", "--callback-reflections=no"),
            *("--callback-occupants=no", "--rooms-accept=*@example.org"),
            *("--iq-timeout=5", "--iq-max-timeout=6"),
            *("--stanza-size-limit=1000", "--hook-size-limit=2000"),
            *("--waiting-limit=8", "--store=memory", "--outbox-limit=9"),
            *("--outbox-age=10", "--outbox-size=11"),
            *("--upload-service=upload.example.org", "--upload-size-limit=7"),
            *("--inbox-limit=11", "--inbox-size=12", "--reply-limit=13"),
            *("--record-days=1", "--record-limit=12", "--dead-days=2"),
            *("--cors-origin=http://a", "--cors-origin=http://b", "--name=Bot"),
        )
        assert options.loaded is not None
        where = options.loaded.origins
        self.assertEqual(where, {name: f"--{name}" for name in where})
        self.assertEqual(options.loaded.config.listen, ("tcp:1", "tcp:2"))
        self.assertEqual(options.loaded.config.corsOrigin, ("http://a", "http://b"))
        self.assertEqual(options.loaded.config.waitingLimit, 8)

    def test_secrets(self) -> None:
        """
        Secrets are in files that flags name, and the configuration, too.
        """
        place = Place(self)
        options = self.parse(
            *("--secret-file", place.write("secret", "psst")),
            *("--credentials-file", place.write("credentials", "Bearer def")),
            *("--config", place.write("toml", 'name = "Bot"')),
        )
        assert options.loaded is not None
        self.assertEqual(options.loaded.config.secret, "psst")
        self.assertEqual(options.loaded.config.credentials, ("def",))
        self.assertEqual(options.loaded.config.name, "Bot")

    def test_help(self) -> None:
        """
        The help names each setting, what it is and its default.
        """
        words = " ".join(str(Options()).split())
        for setting in SETTINGS:
            self.assertIn(f"--{setting.name}=", words)
            self.assertIn(setting.help, words)
            default = ",".join(setting.format(setting.field.default))
            if default:
                self.assertIn(f"{setting.help} [default: {default}]", words)
        for name in ("demo", "check-config", "print-config", "config="):
            self.assertIn(f"--{name} ", words)

    def test_refusal(self) -> None:
        """
        A configuration that is not good enough is a usage error of one sentence.
        """
        del os.environ["XMPPREST_DOMAIN"]
        self.assertEqual(
            self.refusal(),
            "There is no component domain: give it with --domain, as in --domain"
            " gateway.example.org.",
        )

    def test_unknownFlag(self) -> None:
        """
        An unknown flag is refused by naming the nearest one that is known.
        """
        for flag, hint in [
            ("domian", "did you mean --domain?"),
            ("lisen", "did you mean --listen?"),
            ("zzz", "see --help."),
        ]:
            self.assertEqual(
                self.refusal(f"--{flag}", "x"), f"There is no flag --{flag}; {hint}"
            )

    def test_abbreviation(self) -> None:
        """
        A flag that is not written in full is refused, as a flag and behind others; a
        value that looks like one is a value.
        """
        for arguments in (
            ["--dom", "x"],
            ["--dom=x"],
            ["--name", "x", "--dom", "x"],
            ["--name=x", "--check-config", "--dom", "x"],
        ):
            self.assertEqual(
                self.refusal(*arguments),
                "There is no flag --dom; did you mean --domain?",
            )
        options = self.parse("--name", "--dom")
        assert options.loaded is not None
        self.assertEqual(options.loaded.config.name, "--dom")

    def test_secretInFlag(self) -> None:
        """
        A secret in a flag is refused without repeating it.
        """
        for name in ("credentials", "secret", "callback-signing-secret"):
            for arguments in ([f"--{name}", "Bearer shh"], [f"--{name}=Bearer shh"]):
                self.assertEqual(
                    self.refusal(*arguments),
                    f"There is no flag --{name}, because other users of this machine"
                    " can read flags: put the secret into a file, and give the path of"
                    f" the file with --{name}-file.",
                )
        for arguments in (
            ["--secrets", "shh"],
            ["--credential", "shh"],
            ["--credentials-file", "Bearer shh"],
            ["--credentials-file", "Bearer", "shh"],
            ["--domain", "a.example", "--", "shh"],
            ["--callback-url", "https://bot:shh@bot.example/"],
            ["--demo", "--callback-url", "https://bot:shh@bot.example/"],
            ["-sshh"],
            ["--check-config=shh"],
        ):
            self.assertNotIn("shh", self.refusal(*arguments))

    def test_arguments(self) -> None:
        """
        An argument that is not a flag is refused.
        """
        self.assertIn("There is an argument without a flag", self.refusal("start"))

    def test_belowTwistd(self) -> None:
        """
        Below another command line, which would print all of its help first, a
        refusal is the end, and the sentence is all that there is.
        """

        class Parent(AnyOptions):
            subCommands = [("xmpprest", None, Options, "")]  # noqa: RUF012

        for argument in ("--iq-timeout=-1", "--nonsense"):
            parent = Parent()
            arguments = ["xmpprest", argument]
            error = self.assertRaises(SystemExit, parent.parseOptions, arguments)
            self.assertTrue(str(error).startswith("xmpprest: "), error)
        self.assertEqual(self.printed.getvalue(), "")

    def test_demoInBackground(self) -> None:
        """
        The demo refuses to be a daemon, which could not say anything to anybody.
        """

        class Twistd(AnyOptions):
            subCommands = [("xmpprest", None, Options, "")]  # noqa: RUF012
            optFlags = [("nodaemon", "n", "")]  # noqa: RUF012

        error = self.assertRaises(
            SystemExit, Twistd().parseOptions, ["xmpprest", "--demo"]
        )
        self.assertIn("twistd -n xmpprest --demo", str(error))
        Twistd().parseOptions(["-n", "xmpprest", "--demo"])

    def test_version(self) -> None:
        """
        C{--version} prints that of the gateway.
        """
        self.assertRaises(SystemExit, self.parse, "--version")
        self.assertIn(f"xmpprest {__version__}", self.printed.getvalue())

    def test_printConfig(self) -> None:
        """
        C{--print-config} prints the configuration and exits.
        """
        exit = self.assertRaises(SystemExit, self.parse, "--print-config")
        self.assertEqual(exit.code, 0)
        printed = tomllib.loads(self.printed.getvalue())
        self.assertEqual(printed["domain"], "gateway.example")

    def test_checkConfig(self) -> None:
        """
        C{--check-config} checks the loaded configuration.
        """
        options, checked = Options(), list[LoadedConfig]()

        def check(loaded: LoadedConfig) -> NoReturn:
            checked.append(loaded)
            raise SystemExit(0)

        self.patch(options, "check", check)
        exit = self.assertRaises(
            SystemExit, options.parseOptions, ["--check-config", "--name=x"]
        )
        self.assertEqual(exit.code, 0)
        self.assertEqual([each.config.name for each in checked], ["x"])

    def test_checkConfigRefuses(self) -> None:
        """
        C{--check-config} finds what is wrong with endpoints and with the files that
        they name.
        """
        for flag, value in [
            ("server", "xmpp.example"),
            ("listen", "8080"),
            ("listen", "ssl:8443:privateKey=/nonexistent"),
            ("admin-listen", "localhost"),
        ]:
            message = self.refusal("--check-config", f"--{flag}", value)
            self.assertIn(f"{flag} is {value!r}: expected a Twisted", message)

    def test_checkConfigRefusesCAFile(self) -> None:
        """
        C{--check-config} finds that there are no CAs.
        """
        message = self.refusal(
            *("--check-config", "--callback-url", "https://bot.example/"),
            *("--callback-ca-file", "/nonexistent"),
        )
        self.assertIn("callback-ca-file is '/nonexistent': expected a PEM", message)

    def test_demo(self) -> None:
        """
        The demo takes settings as flags, but not from the environment.
        """
        os.environ["XMPPREST_IQ_TIMEOUT"] = "7"
        options = self.parse("--demo", "--callback-url", "http://bot.example/")
        self.assertIsNone(options.loaded)
        self.assertEqual(options.demo, {"callbackURL": "http://bot.example/"})

    def test_demoRefuses(self) -> None:
        """
        The demo refuses what it knows better, and bad values.
        """
        for name in ("domain", "server", "config", "secret-file"):
            self.assertIn(f"leave --{name} out", self.refusal("--demo", f"--{name}=x"))
        self.assertIn(
            "leave --print-config out", self.refusal("--demo", "--print-config")
        )
        self.assertIn("--iq-timeout is 'x'", self.refusal("--demo", "--iq-timeout=x"))


class MakeServiceTests(SynchronousTestCase):
    """
    Tests for L{makeService}.
    """

    def setUp(self) -> None:
        self.patch(os, "environ", dict(ENOUGH))
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        self.addCleanup(gc.set_threshold, *gc.get_threshold())

    def make(self, *arguments: str) -> MultiService:
        """The service for a command line."""
        options = Options()
        options.parseOptions(list(arguments))
        service = makeService(options)
        assert isinstance(service, MultiService)
        return service

    def test_gateway(self) -> None:
        """
        The service is a gateway, a listener for each endpoint, and what reads the
        configuration again.
        """
        gateway, *others = self.make("--listen", "tcp:1", "--listen", "unix:/x")
        self.assertIsInstance(gateway, MultiService)
        kinds = [Listener, Listener, ReloadOnSIGHUP]
        self.assertEqual([type(each) for each in others], kinds)

    def test_admin(self) -> None:
        """With C{--admin-listen} a second port is opened."""
        _, *rest = self.make("--listen", "tcp:1", "--admin-listen", "9090")
        listeners = [each for each in rest if isinstance(each, Listener)]
        self.assertEqual(len(listeners), 2)

    def test_demo(self) -> None:
        """
        With C{--demo} it is the demo.
        """
        self.assertIsInstance(self.make("--demo"), Demo)

    def test_refusal(self) -> None:
        """A configuration that cannot be built ends the program with a sentence."""
        error = self.assertRaises(SystemExit, self.make, "--server", "nonsense")
        self.assertIn("xmpprest: server is 'nonsense': expected", str(error))

    def test_fileLimit(self) -> None:
        """
        As many files may be open as the system allows.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        self.make()
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NOFILE)[0], hard)

    def test_garbage(self) -> None:
        """
        Python looks for garbage less often than by itself.
        """
        gc.set_threshold(700)
        self.make()
        self.assertEqual(gc.get_threshold()[0], THRESHOLD)

    def test_monotonic(self) -> None:
        """
        Timers of the process do not depend on the system clock.
        """
        self.addCleanup(useMonotonicTime, reactor, reactor.seconds)
        useMonotonicTime(reactor, time.time)
        self.make()
        self.assertIs(reactor.seconds, time.monotonic)

    def test_plugin(self) -> None:
        """
        C{twistd} knows of it.
        """
        (plugin,) = (
            each for each in getPlugins(IServiceMaker) if each.tapname == "xmpprest"
        )
        self.assertIs(plugin.options, Options)
        self.assertIs(plugin.makeService, makeService)


class ProcessTests(SynchronousTestCase):
    """
    The program, as a person or a shell script sees it.
    """

    def setUp(self) -> None:
        self.place = Place(self)

    def start(self, command: list[str], **environ: str) -> Program:
        """Start a command with all that it needs."""
        return self.place.start(command, **{**ENOUGH, **environ})

    def test_refused(self) -> None:
        """
        When it cannot start, it exits with a status that is not 0, and says why in
        one sentence, with no traceback and no list of options.
        """
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        foreground = ("-n", "--pidfile=")
        started = [
            (self.start(command, **environ), sentence)
            for command, environ, sentence in [
                (twist("xmpprest"), {"XMPPREST_DOMAIN": ""}, "XMPPREST_DOMAIN is ''"),
                (twistd("xmpprest", "--iq-timeout=x"), {}, "--iq-timeout is 'x': exp"),
                (twist("xmpprest", "--server=x"), {}, "server is 'x': expected a"),
                (
                    twistd(*foreground, "xmpprest", "--listen=ssl:1:privateKey=/no"),
                    {},
                    "listen is 'ssl:1:privateKey=/no': expected",
                ),
                (
                    twist("xmpprest", "--listen", address),
                    {},
                    f"cannot listen on {address}: ",
                ),
                (
                    twistd(*foreground, "xmpprest", "--listen", address),
                    {},
                    f"cannot listen on {address}: ",
                ),
                (
                    twist("xmpprest", "--demo", "--listen", address),
                    {},
                    f"cannot listen on {address}: ",
                ),
            ]
        ]
        for program, sentence in started:
            self.assertNotEqual(program.end(), 0)
            self.assertEqual(program.output.count("xmpprest: "), 1, program.output)
            self.assertIn(f"xmpprest: {sentence}", program.output)
            for word in ("Traceback", "Usage:", "Options:"):
                self.assertNotIn(word, program.output)

    def test_checkConfig(self) -> None:
        """
        C{--check-config} finds a port of another program and a store without a
        directory, and leaves nothing behind.
        """
        other = self.place.start([sys.executable, "-um", "http.server", "0"])
        found = other.expect(r"port (\d+)")
        self.addCleanup(other.kill)
        address = f"tcp:{found[1]}:interface=127.0.0.1"
        good = ("--store=sqlite:a.db", "--listen", ANYWHERE)
        for flags, status, sentence in (
            (good, 0, "The configuration is good; xmpprest would start."),
            ((*good, "--listen", address), 1, f"another program uses {address}: stop"),
            ((*good, "--store=sqlite:no/a.db"), 1, "create the directory "),
            ((*good, "--listen=tls:no:0"), 1, "has no certificate in no"),
        ):
            program = self.start(twist("xmpprest", "--check-config", *flags))
            self.assertEqual(program.end(), status, program.output)
            self.assertIn(sentence, program.output)
            self.assertNotIn("Traceback", program.output)
        self.assertEqual([*self.place.path.iterdir()], [])

    def test_checkConfigOfRunning(self) -> None:
        """
        C{--check-config} accepts a store and a port that a running gateway of the same
        configuration uses; with another store the port is taken.
        """
        gateway = self.start(twist("xmpprest", "--listen", ANYWHERE))
        found = gateway.expect(r"Listening for HTTP on .*?\bport\D+(\d+)")
        gateway.expect("cannot connect")
        address = f"tcp:{found[1]}:interface=127.0.0.1"
        for store, status, sentence in (
            ("xmpprest.db", 0, f"listen: a running gateway listens on {address}."),
            ("other.db", 1, "a gateway with another store uses this port"),
        ):
            program = self.start(
                twist(
                    *("xmpprest", "--check-config", "--listen", address),
                    f"--store=sqlite:{store}",
                )
            )
            self.assertEqual(program.end(), status, program.output)
            self.assertIn(sentence, program.output)

    def test_stopped(self) -> None:
        """The program ends on SIGTERM, and leaves nothing but its store."""
        for command in (twist("xmpprest"), twistd("-n", "xmpprest")):
            program = self.start(command, XMPPREST_LISTEN=ANYWHERE)
            program.expect("Listening for HTTP on ")
            # So the reactor runs, and knows of signals.
            program.expect("cannot connect")
            program.end(signal.SIGTERM)
            self.assertFalse(program.leftOver)
            self.assertNotIn("Traceback", program.output)
            left = {path.name for path in self.place.path.iterdir()}
            self.assertEqual(left, {"xmpprest.db", "xmpprest.db.lock"})

    def test_secondGateway(self) -> None:
        """
        A second gateway with the same store does not start, and says why.
        """
        first = self.start(twist("xmpprest"), XMPPREST_LISTEN=ANYWHERE)
        first.expect("cannot connect")
        for command in (
            twist("xmpprest"),
            twistd("-n", "xmpprest"),
            twist("--log-level=critical", "xmpprest"),
        ):
            second = self.start(command, XMPPREST_LISTEN=ANYWHERE)
            self.assertNotEqual(second.end(), 0)
            self.assertIn("xmpprest: The store ", second.output)
            self.assertIn("is in use by another gateway (process ", second.output)
            self.assertNotIn("Traceback", second.output)

    def test_endpoints(self) -> None:
        """
        The program listens on every given endpoint: C{ssl:}, C{tls:} with a directory
        of PEM
        files, and C{unix:}; curl reaches them, and trusts the certificates.
        """
        require("curl")
        keys = self.place.path / "keys"
        keys.mkdir()
        certificate = Authority(keys).issue("localhost")
        # certbot's names, each in its directory.
        live = self.place.path / "live" / "localhost"
        live.mkdir(parents=True)
        (live / "privkey.pem").write_bytes(certificate.keyFile.read_bytes())
        (live / "fullchain.pem").write_bytes(certificate.certificateFile.read_bytes())
        program = self.start(
            twist(
                "xmpprest",
                f"--listen=ssl:0:interface=127.0.0.1:privateKey={certificate.keyFile}"
                f":certKey={certificate.certificateFile}",
                f"--listen=tls:{live.parent}:0:interface=127.0.0.1",
                "--listen=unix:http.sock",
            )
        )
        program.expect("(?s)(Listening for HTTPS? on .*){3}")
        ports = re.findall(r"Listening for HTTPS on .*?\bport\D+(\d+)", program.output)
        self.assertEqual(len(ports), 2, program.output)
        self.assertNotIn("certificate:", program.output)
        trust = ("--cacert", str(certificate.caFile))
        for arguments in (
            [*trust, f"https://localhost:{ports[0]}/rest"],
            [*trust, f"https://localhost:{ports[1]}/rest"],
            ["--unix-socket", "http.sock", "http://localhost/rest"],
        ):
            curl = self.place.start(
                [
                    "curl",
                    "-sS",
                    "-o",
                    "body",
                    "-w",
                    "%{http_code}",
                    "-d",
                    "x",
                    *arguments,
                ]
            )
            curl.end()
            self.assertEqual(curl.output, "401", arguments)
        program.end(signal.SIGINT)
        self.assertFalse(Path(self.place.path, "http.sock").exists())
