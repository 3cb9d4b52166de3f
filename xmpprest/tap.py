"""C{twistd xmpprest}: turns the command line into a service."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NoReturn

from twisted.application.service import IService, MultiService
from twisted.copyright import version as twistedVersion
from twisted.internet import reactor
from twisted.logger import Logger
from twisted.python import usage

from ._version import __version__
from .commands.check_config import checkConfig
from .commands.strict_options import StrictOptions
from .config.config import SETTINGS, Config, ConfigurationError
from .config.loader import ConfigLoader, LoadedConfig
from .config.setting import Setting
from .demo import Demo
from .gateway import Gateway, makeGateway
from .service.gc_tuning import tuneGarbageCollection
from .service.log_format import configureTwistLog, isFormatOfRunner, withLogFormat
from .service.monotonic import useMonotonicTime
from .service.reload import ReloadOnSIGHUP
from .service.systemd import notifierFromEnvironment
from .web.server.listener import Listener

_log = Logger()

_FLAGS = [
    ("demo", None, "Run with a built-in XMPP server, to try the gateway out."),
    ("check-config", None, "Check whether the gateway would start, and exit."),
    ("print-config", None, "Print every setting and its source, and exit."),
]
_FILES = [
    ("config", None, None, "A TOML file with settings."),
    ("secret-file", None, None, "A file with the component's secret."),
    ("credentials-file", None, None, "A file with lines 'Bearer TOKEN'."),
    (
        "callback-signing-secret-file",
        None,
        None,
        "A file with the secrets that sign each POST to the callback, one per line.",
    ),
    (
        "store-password-file",
        None,
        None,
        "A file with the password of the role in the PostgreSQL database.",
    ),
]

#: Flags that name files with secrets.
_SECRET_FLAGS = tuple(file[0] for file in _FILES if file[0] != "config")

#: Settings that the demo sets itself or does not use.
_NOT_IN_DEMO = (
    "domain",
    "server",
    *(file[0] for file in _FILES),
    "check-config",
    "print-config",
)


def _help(setting: Setting) -> str:
    default = ",".join(setting.format(setting.field.default))
    return f"{setting.help} [default: {default}]" if default else setting.help


def _repeatable(name: str) -> Callable[[Options, str], None]:
    def append(self: Options, value: str) -> None:
        self.repeated.setdefault(name, []).append(value)

    append.__doc__ = next(_help(each) for each in SETTINGS if each.name == name)
    return append


class Options(StrictOptions):
    """
    The command line.

    @ivar repeated: The repeatable flags, by name.
    @ivar loaded: The configuration; C{None} with C{--demo}.
    @ivar logFormat: The log format; C{None} to leave it to C{twist}.
    @ivar check: Checks a configuration for C{--check-config}, and exits.
    @ivar demo: Settings that the demo overrides, by the name of their field in
        L{Config<xmpprest.config.config.Config>}.
    """

    synopsis = "[options]"
    longdesc = (
        "An HTTP gateway to XMPP. Each flag is also an environment variable"
        " (XMPPREST_IQ_TIMEOUT) and a key of a TOML file (iq-timeout). Secrets are"
        " never flags: they come from files, from XMPPREST_SECRET and"
        " XMPPREST_CREDENTIALS, or from systemd's $CREDENTIALS_DIRECTORY."
    )
    optParameters: ClassVar = [
        *_FILES,
        *(
            (each.name, None, None, _help(each))
            for each in SETTINGS
            if not each.repeatable
        ),
    ]
    optFlags: ClassVar = _FLAGS
    check: Callable[[LoadedConfig], NoReturn] = staticmethod(checkConfig)
    opt_listen = _repeatable("listen")
    opt_cors_origin = _repeatable("cors-origin")
    opt_rooms_accept = _repeatable("rooms-accept")

    def __init__(self) -> None:
        super().__init__()
        self.repeated: dict[str, list[str]] = {}
        self.loaded: LoadedConfig | None = None
        self.demo: dict[str, Any] = {}
        self.logFormat: str | None = None

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse the command line.

        @raise UsageError: The command line or the configuration is invalid.
        @raise SystemExit: The same for a subcommand: C{twistd} would print its whole
            help before the error.
        """
        arguments = sys.argv[1:] if options is None else options
        try:
            super().parseOptions(arguments)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            raise SystemExit(f"xmpprest: {error}") from None

    def opt_version(self) -> None:
        """
        Print the versions of xmpprest and of Twisted, and exit.
        """
        print(f"xmpprest {__version__}, Twisted {twistedVersion}")
        sys.exit(0)

    def parseArgs(self, *rest: str) -> None:
        """Refuse positional arguments, without repeating them."""
        if rest:
            # It may be a part of a secret that was written without quotes.
            raise usage.UsageError(
                "There is an argument without a flag: each flag begins with --, and a"
                " value with spaces needs quotes. For a command, run 'xmpprest COMMAND'"
                " instead of 'twist xmpprest'."
            )

    def postOptions(self) -> None:
        """
        Load the configuration.

        @raise UsageError: The configuration is invalid.
        """
        flags = self._flags()
        try:
            if self["demo"]:
                self._refuseInDemo()
                self._refuseInBackground()
                # Other variables are meant for a real gateway.
                self.demo = ConfigLoader(flags, {}).loadSettings()[0]
                self.logFormat = self._chosenLogFormat(self.demo.get("logFormat"))
            else:
                self.loaded = ConfigLoader(flags, os.environ).load()
                self._inspect(self.loaded)
                isGiven = self.loaded.origins["log-format"] != "default"
                given = self.loaded.config.logFormat if isGiven else None
                self.logFormat = self._chosenLogFormat(given)
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        if self.parent is not None:
            configureTwistLog(self.logFormat, self.parent, _atEnd)

    def load(self) -> Config:
        """
        Load the configuration again.

        @raise ConfigurationError: The configuration is invalid.
        """
        return ConfigLoader(self._flags(), os.environ).load().config

    def _chosenLogFormat(self, given: str | None) -> str | None:
        """
        Return the format of the log: text by default, although C{twist} would write
        JSON if the log does not go to a terminal.

        @param given: The format in the configuration, if any.
        @return: C{None} to leave it to C{twist}, whose command line has a format.
        """
        if given is None and isFormatOfRunner(sys.argv[1:]):
            return None
        return given or "text"

    def _flags(self) -> dict[str, list[str]]:
        flags = {name: [text] for name, text in self.items() if isinstance(text, str)}
        return {**flags, **self.repeated}

    def _refuseInDemo(self) -> None:
        for name in _NOT_IN_DEMO:
            if self[name]:
                raise ConfigurationError(
                    f"The demo has its own server, domain and credentials: leave"
                    f" --{name} out."
                )

    def _refuseInBackground(self) -> None:
        """Refuse C{--demo} for a daemon, whose output the user would not see."""
        if self.parent is not None and not self.parent.get("nodaemon", True):
            raise ConfigurationError(
                "The demo runs in the foreground: start it with"
                " 'twistd -n xmpprest --demo'."
            )

    def _inspect(self, loaded: LoadedConfig) -> None:
        if self["print-config"]:
            _print(loaded.describe())
            sys.exit(0)
        if self["check-config"]:
            _build(loaded)
            self.check(loaded)

    def describeUnknown(self, name: str) -> str:
        """Return a sentence about an unknown flag."""
        if f"{name}-file" in _SECRET_FLAGS:
            return (
                f"There is no flag --{name}, because other users of this machine can"
                f" read flags: put the secret into a file, and give the path of the"
                f" file with --{name}-file."
            )
        return super().describeUnknown(name)


def makeService(options: Options) -> IService:
    """
    Make the service that C{twistd} runs.

    @raise SystemExit: An endpoint or a file of the configuration is unusable.
    """
    _raiseFileLimit()
    useMonotonicTime(reactor)
    tuneGarbageCollection()
    loaded = options.loaded
    service = Demo(reactor, options.demo) if loaded is None else _run(loaded, options)
    return withLogFormat(service, options.logFormat, options.parent, _atEnd)


def _run(loaded: LoadedConfig, options: Options) -> MultiService:
    """Make the service of the gateway, its listeners, reloading and notifications."""
    try:
        gateway, listeners = _build(loaded)
    except ConfigurationError as error:
        raise SystemExit(f"xmpprest: {error}") from None
    service = MultiService()
    gateway.service.setServiceParent(service)
    for listener in listeners:
        listener.setServiceParent(service)
    for path in loaded.publicFiles:
        _log.warn(
            "Every user of this machine can read {path}, which contains a secret: run"
            " 'chmod o-rwx {path}'.",
            path=path,
        )
    ReloadOnSIGHUP(options.load, gateway, listeners, reactor).setServiceParent(service)
    # Last, since it tells systemd that all others have started.
    telling = notifierFromEnvironment(os.environ, gateway.component, reactor)
    if telling is not None:
        telling.setServiceParent(service)
    return service


def _build(loaded: LoadedConfig) -> tuple[Gateway, list[Listener]]:
    """
    Make the gateway and its listeners.

    @raise ConfigurationError: An endpoint or a file is unusable.
    """
    try:
        gateway = makeGateway(loaded.config, reactor)
        listeners = [
            Listener(description, gateway.site, reactor)
            for description in loaded.config.listen
        ]
        admin = loaded.config.adminListen
        if admin is not None:
            listeners.append(Listener(admin, gateway.admin, reactor, "admin-listen"))
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return gateway, listeners


def _print(text: str) -> None:
    """Print a text, whose reader may close the pipe early, as C{head} does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # Or the interpreter would report it once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _raiseFileLimit() -> None:
    """
    Raise the limit on open files to the maximum (getrlimit(2)), since every waiting
    request is an open file.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _atEnd(function: Callable[[], None]) -> None:
    """Call a function once the reactor stops; a signal may end the process after."""
    reactor.addSystemEventTrigger("after", "shutdown", function)
