"""C{twistd xmpprest}: turns the command line into a service."""

from __future__ import annotations

import difflib
import gc
import os
import re
import resource
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.application.service import IService, MultiService
from twisted.copyright import version as twistedVersion
from twisted.internet import reactor
from twisted.python import usage

from ._version import __version__
from .config.config import SETTINGS, Config, ConfigurationError
from .config.loader import ConfigLoader, LoadedConfig
from .config.setting import Setting
from .demo import Demo
from .gateway import Gateway, makeGateway
from .service.log_format import configureTwistLog, withLogFormat
from .service.monotonic import useMonotonicTime
from .service.reload import ReloadOnSIGHUP
from .service.systemd import notifierFromEnvironment
from .web.server.listener import Listener

#: New objects before a garbage collection. With Python's default of 700, collections
#: took 65 of the 295 µs of a stored message to the callback, and found nothing.
GC_THRESHOLD = 10_000

_FLAGS = [
    ("demo", None, "Run with an XMPP server of its own, to try it out."),
    ("check-config", None, "Say whether it would start, and exit."),
    ("print-config", None, "Print every setting and where it is from, and exit."),
]
_FILES = [
    ("config", None, None, "A TOML file with settings."),
    ("secret-file", None, None, "A file with the component's secret."),
    ("credentials-file", None, None, "A file with lines like 'Bearer TOKEN'."),
    (
        "callback-signing-secret-file",
        None,
        None,
        "A file with secrets that posts to the callback are signed with, one a line.",
    ),
]

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


class Options(usage.Options):
    """
    The command line.

    @ivar repeated: The repeatable flags, by name.
    @ivar loaded: The configuration; C{None} with C{--demo}.
    @ivar logFormat: The log format; C{None} if it is not given.
    @ivar demo: Settings that the demo overrides, by the name of their field in
        L{Config<xmpprest.config.config.Config>}.
    """

    synopsis = "[options]"
    longdesc = (
        "An HTTP gateway to XMPP, beside any server. Each option may also stand in"
        " the environment, as XMPPREST_IQ_TIMEOUT, or in a TOML file, as iq-timeout."
        " Secrets are read from files, XMPPREST_SECRET, XMPPREST_CREDENTIALS, or"
        " systemd's $CREDENTIALS_DIRECTORY."
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
    opt_listen = _repeatable("listen")
    opt_cors_origin = _repeatable("cors-origin")

    def __init__(self) -> None:
        super().__init__()
        self.repeated: dict[str, list[str]] = {}
        self.loaded: LoadedConfig | None = None
        self.demo: dict[str, Any] = {}
        self.logFormat: str | None = None

    def parseOptions(self, options: list[str] | None = None) -> None:
        """
        Parse the command line.

        @raise UsageError: The command line or the configuration is invalid.
        @raise SystemExit: The same for a subcommand: C{twistd} would print its whole
            help before the error.
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            sentence = self._withHint(str(error))
            if self.parent is None:
                raise usage.UsageError(sentence) from None
            raise SystemExit(f"xmpprest: {sentence}") from None

    def opt_version(self) -> None:
        """
        Print the versions of xmpprest and of Twisted, and exit.
        """
        print(f"xmpprest {__version__}, Twisted {twistedVersion}")
        sys.exit(0)

    def parseArgs(self, *rest: str) -> None:
        """Refuse positional arguments."""
        if rest:
            raise usage.UsageError(f"{rest[0]!r} is no option: those begin with --.")

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
                self.logFormat = self.demo.get("logFormat")
            else:
                self.loaded = ConfigLoader(flags, os.environ).load()
                self._inspect(self.loaded)
                self.logFormat = self.loaded.config.logFormat
        except ConfigurationError as error:
            raise usage.UsageError(str(error)) from None
        if self.parent is not None:
            configureTwistLog(self.logFormat, self.parent)

    def load(self) -> Config:
        """
        Load the configuration again.

        @raise ConfigurationError: The configuration is invalid.
        """
        return ConfigLoader(self._flags(), os.environ).load().config

    def _flags(self) -> dict[str, list[str]]:
        flags = {name: [text] for name, text in self.items() if isinstance(text, str)}
        return {**flags, **self.repeated}

    def _refuseInDemo(self) -> None:
        for name in _NOT_IN_DEMO:
            if self[name]:
                raise ConfigurationError(
                    f"The demo has a server, a domain and credentials of its own: leave"
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
            print(loaded.describe())
            sys.exit(0)
        if self["check-config"]:
            _build(loaded)
            print("The configuration is good; xmpprest would start.")
            sys.exit(0)

    def _withHint(self, sentence: str) -> str:
        """Add the flag that the user may have meant."""
        unknown = re.fullmatch(r"option --(\S+) not recognized", sentence)
        if unknown is None:
            return sentence
        near = difflib.get_close_matches(unknown[1], self.longOpt, 1)
        hint = f"did you mean --{near[0].rstrip('=')}?" if near else "see --help."
        return f"There is no option --{unknown[1]}; {hint}"


def makeService(options: Options) -> IService:
    """
    Make the service that C{twistd} runs.

    @raise SystemExit: An endpoint or a file of the configuration is unusable.
    """
    _raiseFileLimit()
    useMonotonicTime(reactor)
    gc.set_threshold(GC_THRESHOLD)
    loaded = options.loaded
    service = Demo(reactor, options.demo) if loaded is None else _run(loaded, options)
    return withLogFormat(service, options.logFormat, options.parent)


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


def _raiseFileLimit() -> None:
    """
    Raise the limit on open files to the maximum (getrlimit(2)), since every waiting
    request is an open file.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
