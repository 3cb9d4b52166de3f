"""C{--check-config}: checks whether the gateway would start, without the network."""

from __future__ import annotations

from typing import Any, NoReturn, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import ILogObserver, globalLogBeginner

from ..config.loader import LoadedConfig
from .doctor.result import CheckResult, exitStatus
from .doctor.runner import CheckRunner


def checkConfig(loaded: LoadedConfig) -> NoReturn:
    """
    Check what the gateway needs from this machine: the store, the ports, certificates
    and CAs. Print each result.

    @raise SystemExit: With status 0 if the gateway would start, otherwise 1.
    """
    nobody = cast(ILogObserver, lambda event: None)
    globalLogBeginner.beginLoggingTo([nobody], redirectStandardIO=False)
    react(_check, (loaded,))
    raise AssertionError("react ends the process")


def _check(reactor: Any, loaded: LoadedConfig) -> Deferred[None]:
    async def check() -> None:
        findings = await CheckRunner(loaded, reactor, _print).runLocally()
        status = exitStatus(findings)
        print(
            "xmpprest would not start: change what has FAILED."
            if status
            else "The configuration is good; xmpprest would start.",
            flush=True,
        )
        raise SystemExit(status)

    return Deferred.fromCoroutine(check())


def _print(finding: CheckResult) -> None:
    print(finding, flush=True)
