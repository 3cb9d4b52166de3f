"""Runs the checks in order, and passes the findings of earlier ones to later ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...config.loader import LoadedConfig
from ...store.sqlite import inspection
from ...webhook.http_client import BoundedClient
from ...webhook.tls_policy import WebhookTLSPolicy
from .check_callback import checkCallback, labelOf
from .check_clock import checkClock, clockOffset
from .check_host import Host, checkFileLimit, checkSecrets, checkStore
from .check_listen import checkListen, checkRunning
from .check_server import checkServer
from .result import CheckResult, failed, ok, warning

#: Seconds that each peer has to answer.
TIMEOUT = 10.0


class CheckRunner:
    """
    Runs every check of a configuration without disturbing a running gateway.

    @ivar findings: The results so far.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        reactor: Any,
        tell: Callable[[CheckResult], object],
        machine: Host | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout: float = TIMEOUT,
    ) -> None:
        """
        @param tell: Called with each result as soon as it is known.
        @param now: Returns the current time.
        """
        self._loaded = loaded
        self._config = loaded.config
        self._reactor = reactor
        self._hear = tell
        self._machine = machine or Host()
        self._now = now
        self._timeout = timeout
        self._offsets: dict[str, float] = {}
        self.findings: list[CheckResult] = []

    async def run(self) -> list[CheckResult]:
        """Run all checks and return their results."""
        holder = self._here()
        running = await self._listening(holder)
        if running is not None:
            self._tell(running)
        else:
            theirs = await checkServer(
                self._config, self._reactor, self._timeout, self._tell
            )
            self._compare("the XMPP server's", theirs)
        await self._callbacks()
        self._tell(checkClock(self._offsets))
        return self.findings

    async def _callbacks(self) -> None:
        """Check each callback."""
        callbacks = self._config.allCallbacks
        if not callbacks:
            words = "there is none; what comes in is not posted"
            self._tell(ok("callback", words))
        for each in callbacks:
            finding, theirs = await checkCallback(
                each, self._config, self._reactor, self._timeout
            )
            self._tell(finding)
            self._compare(f"the {labelOf(each)}'s", theirs)

    def _tell(self, finding: CheckResult) -> None:
        self.findings.append(finding)
        self._hear(finding)

    def _compare(self, who: str, theirs: datetime | None) -> None:
        if theirs is not None:
            self._offsets[who] = clockOffset(self._now(), theirs)

    def _here(self) -> str | None:
        """Check this host; return the process id of a running gateway."""
        config = self._config
        self._tell(ok("configuration", f"it can be read, for {config.domain}"))
        self._tell(checkSecrets(self._loaded.allSecrets))
        self._tell(checkFileLimit(config, self._machine))
        kind, _, path = config.store.partition(":")
        try:
            holder = None if kind == "memory" else inspection.lockOwner(path)
        except OSError as error:
            self._tell(
                failed(
                    "store",
                    f"{path}.lock cannot be read ({error.strerror}): run the doctor as"
                    " the gateway's user",
                )
            )
            return "unknown"
        self._tell(checkStore(config, self._machine, holder))
        return holder

    async def _listening(self, holder: str | None) -> CheckResult | None:
        """
        Check the endpoint of the gateway.

        @return: A result if a gateway runs there. The doctor must not connect beside
            it, since ejabberd would give half of the stanzas to the second connection.
            C{None} if no gateway runs.
        """
        client = BoundedClient(
            self._reactor,
            WebhookTLSPolicy(),
            1,
            65536,
            headTimeout=self._timeout,
            totalTimeout=self._timeout,
        )
        ready: Mapping[str, Any] | None = None
        mayRun = holder is not None
        for description in self._config.listen:
            found = await checkListen(description, client, self._reactor)
            self._tell(found.finding)
            ready = ready or found.ready
            mayRun = mayRun or found.mayBeOurs
        await client.close()
        if ready is not None and holder is None and self._config.store != "memory":
            return failed(
                "gateway",
                "one runs, but not with this store: run the doctor with the options of"
                " that gateway, in its directory, or give this one another --listen",
            )
        if ready is not None:
            return checkRunning(ready)
        if mayRun:
            return warning(
                "gateway",
                "it seems to run, but cannot be asked here whether it is ready: see its"
                " log, or stop it, and run the doctor again, who then connects to the"
                " XMPP server in its place",
            )
        return None
