"""Runs the checks in order, and passes the findings of earlier ones to later ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ...config.database_url import isDatabase
from ...config.loader import LoadedConfig
from ...store.sqlite import inspection
from ...webhook.http_client import BoundedClient
from ...webhook.tls_policy import WebhookTLSPolicy
from .check_callback import checkCallback, checkPull, labelOf
from .check_clock import checkClock, clockOffset
from .check_database import checkDatabase
from .check_hook import checkHook
from .check_host import Host, checkBots, checkFileLimit, checkSecrets, checkStore
from .check_listen import ListenChecker, checkRunning
from .check_rooms import checkRooms, checkWaiting
from .check_server import checkServer, checkTrustRoots
from .check_server_config import checkServerConfig
from .result import CheckResult, failed, ok, warning

#: Seconds that each peer has to answer.
TIMEOUT = 10.0
#: Bytes that the list of rooms may have; ten thousand rooms have about five million.
ROOMS_LIMIT = 16 * 2**20


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
        serverConfig: str | None = None,
    ) -> None:
        """
        @param serverConfig: The path of the XMPP server's configuration, to be checked.
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
        self._serverConfig = serverConfig
        self._offsets: dict[str, float] = {}
        #: The URL of a gateway that runs already; empty without one.
        self._url = ""
        self.findings: list[CheckResult] = []

    async def run(self) -> list[CheckResult]:
        """Run all checks and return their results."""
        holder = self._here()
        if self._serverConfig is not None:
            self._tell(checkServerConfig(self._serverConfig, self._config.domain))
        ready, mayRun = await self._listening(holder)
        running = self._foreign(ready, holder) or _running(ready, mayRun)
        if running is not None:
            # Not a second connection beside it: ejabberd would give that half of the
            # stanzas.
            self._tell(running)
            await self._askRunning()
        else:
            theirs = await checkServer(
                self._config, self._reactor, self._timeout, self._tell
            )
            self._compare("the XMPP server's", theirs)
        await self._callbacks()
        self._tell(checkClock(self._offsets))
        return self.findings

    async def _askRunning(self) -> None:
        """Check what a running gateway knows and its store does not."""
        client = self._client(ROOMS_LIMIT)
        waiting = await checkWaiting(self._config, self._url, client, self._now())
        await client.close()
        if waiting is not None:
            self._tell(waiting)

    async def runLocally(self) -> list[CheckResult]:
        """
        Run the checks that need neither the XMPP server nor a callback, and return
        their results. That a running gateway uses the store and the port is no fault.
        """
        holder = self._here()
        ready, _ = await self._listening(holder)
        foreign = self._foreign(ready, holder)
        for finding in (foreign, checkTrustRoots(self._config.server)):
            if finding is not None:
                self._tell(finding)
        return self.findings

    async def _callbacks(self) -> None:
        """Check each callback."""
        callbacks = self._config.allCallbacks
        if not callbacks:
            words = "there is none; inbound stanzas are not POSTed"
            self._tell(ok("callback", words))
        for each in callbacks:
            if each.isPull:
                self._tell(checkPull(each, self._config))
                continue
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
        self._tell(ok("configuration", f"it is valid, for {config.domain}"))
        self._tell(checkSecrets(self._loaded.publicFiles))
        self._tell(checkFileLimit(config, self._machine))
        for hook in config.hooks:
            self._tell(checkHook(hook, config.domain))
        if isDatabase(config.store):
            database = checkDatabase(config)
            for finding in database.findings:
                self._tell(finding)
            self._compare("the database's", database.time)
            return database.holder
        kind, _, path = config.store.partition(":")
        try:
            holder = inspection.lockOwner(path) if kind == "sqlite" else None
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
        bots = checkBots(config)
        if bots is not None:
            self._tell(bots)
        for finding in checkRooms(config):
            self._tell(finding)
        return holder

    async def _listening(
        self, holder: str | None
    ) -> tuple[Mapping[str, Any] | None, bool]:
        """
        Check the endpoints of the gateway.

        @return: The response of C{/readyz} if a gateway listens there, and whether a
            gateway may run with this configuration.
        """
        ready: Mapping[str, Any] | None = None
        mayRun = holder is not None
        client = self._client()
        couldRun = mayRun or self._config.store == "memory"
        checker = ListenChecker(client, self._reactor, couldRun)
        for description, setting in self._endpoints():
            found = await checker.check(description, setting)
            self._tell(found.finding)
            ready = ready or found.ready
            self._url = self._url or (found.url if setting == "listen" else "")
            mayRun = mayRun or found.mayBeOurs
        await checker.close()
        await client.close()
        return ready, mayRun

    def _foreign(
        self, ready: Mapping[str, Any] | None, holder: str | None
    ) -> CheckResult | None:
        """Return a result if a gateway with another store uses the port."""
        if ready is None or holder is not None or self._config.store == "memory":
            return None
        return failed(
            "gateway",
            "a gateway with another store uses this port: give this one another"
            " --listen, or run the command with the options of that gateway, in its"
            " directory",
        )

    def _endpoints(self) -> list[tuple[str, str]]:
        """Return each endpoint and the setting that has it."""
        found = [(each, "listen") for each in self._config.listen]
        if self._config.adminListen is not None:
            found.append((self._config.adminListen, "admin-listen"))
        return found

    def _client(self, limit: int = 65536) -> BoundedClient:
        return BoundedClient(
            self._reactor,
            WebhookTLSPolicy(),
            1,
            limit,
            headTimeout=self._timeout,
            totalTimeout=self._timeout,
        )


def _running(ready: Mapping[str, Any] | None, mayRun: bool) -> CheckResult | None:
    """Return a result if a gateway runs, or seems to run, with this configuration."""
    if ready is not None:
        return checkRunning(ready)
    if not mayRun:
        return None
    return warning(
        "gateway",
        "a gateway seems to run, but the doctor cannot ask it whether it is ready: read"
        " its log; or stop it and run the doctor again, which then connects to the XMPP"
        " server itself",
    )
