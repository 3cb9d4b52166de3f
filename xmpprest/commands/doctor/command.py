"""C{xmpprest doctor}: command line and report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import ILogObserver, globalLogBeginner
from twisted.python.usage import UsageError

from ...config.loader import LoadedConfig
from ...tap import Options
from .result import CheckResult, exitStatus, failed, summary
from .runner import CheckRunner


class DoctorOptions(Options):
    """
    The command line, which takes the gateway's own options.
    """

    synopsis = "xmpprest doctor [options]"
    longdesc = (
        "Check a configuration from end to end, and print what to change. Use the"
        " options that the gateway is started with, and run the command as the same"
        " user, in the same directory. A running gateway is not disturbed."
    )
    optParameters: ClassVar = [
        (
            "server-config",
            None,
            None,
            "Check this configuration file of the XMPP server, too: prosody.cfg.lua or"
            " ejabberd.yml.",
        )
    ]


def main(arguments: Sequence[str]) -> NoReturn:
    """
    Check the gateway that these arguments would start.

    @raise SystemExit: With status 0 if it would work, else 1.
    """
    # The checks report connection errors themselves.
    nobody = cast(ILogObserver, lambda event: None)
    globalLogBeginner.beginLoggingTo([nobody], redirectStandardIO=False)
    options = DoctorOptions()
    try:
        options.parseOptions([*arguments])
    except UsageError as error:
        _end([_say(failed("configuration", str(error)))])
    if options.loaded is None:
        raise SystemExit(
            "xmpprest: The doctor checks a configuration, and the demo has none: leave"
            " --demo out."
        )
    react(_examine, (options.loaded, options["server-config"]))
    raise AssertionError("react ends the process")


def _examine(
    reactor: Any, loaded: LoadedConfig, serverConfig: str | None
) -> Deferred[None]:
    examination = CheckRunner(loaded, reactor, _say, serverConfig=serverConfig)

    async def examine() -> None:
        try:
            await examination.run()
        except Exception as error:
            # The outermost edge: report a bug in a check without a traceback.
            what = f"a check failed unexpectedly ({type(error).__name__}: {error})"
            _say(failed("doctor", f"{what}; please report this as a bug"))
            raise SystemExit(1) from None
        _end(examination.findings)

    return Deferred.fromCoroutine(examine())


def _say(finding: CheckResult) -> CheckResult:
    print(finding, flush=True)
    return finding


def _end(findings: Sequence[CheckResult]) -> NoReturn:
    print(f"\n{summary(findings)}", flush=True)
    sys.exit(exitStatus(findings))
