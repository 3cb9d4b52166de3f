"""Checks the PostgreSQL database of the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ...config.config import Config
from ...config.database_url import conninfo
from ...core.records import StoreUnusable
from .check_host import foreignBots
from .check_rooms import examine
from .result import CheckResult, failed, ok, warning


@dataclass(frozen=True, slots=True)
class DatabaseCheck:
    """
    The results about a database.

    @ivar holder: The gateway that uses it; C{None} if there is none.
    @ivar time: The time of its clock; C{None} if it could not be read.
    """

    findings: Sequence[CheckResult]
    holder: str | None = None
    time: datetime | None = None


def checkDatabase(config: Config) -> DatabaseCheck:
    """Check the database, and what is stored in it."""
    try:
        from ...store.postgresql import inspection  # noqa: PLC0415  # only if needed
    except ImportError as error:
        words = f"psycopg is missing ({error}): pip install 'xmpprest[postgresql]'"
        return DatabaseCheck([failed("store", words)])
    try:
        found = inspection.inspect(
            conninfo(config.store), config.storePassword, config.domain
        )
    except StoreUnusable as error:
        return DatabaseCheck([failed("store", str(error))])
    if found.holder is not None:
        state = f"is in use by the gateway ({found.holder})"
    else:
        state = "is a store" if found.isStore else "is empty; tables will be created"
    findings = [ok("store", f"{found.place} {state}")]
    if found.warning is not None:
        findings.append(warning("store", f"{found.place} {found.warning}"))
    foreign = foreignBots(found.bots, config.domain)
    if foreign is not None:
        findings.append(foreign)
    findings += examine(found.rooms, config.domain)
    return DatabaseCheck(
        findings, found.holder, datetime.fromtimestamp(found.time, UTC)
    )
