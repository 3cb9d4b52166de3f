"""The log as lines of JSON, for programs that collect it, and who is asked for them."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import IO, Any

from twisted.application.service import IService, MultiService
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    eventAsText,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

#: What Twisted puts into events for observers of another kind.
_LEGACY = frozenset({"format", "isError", "message", "printed", "system", "time"})


def formatAsJSON(event: LogEvent) -> str:
    """
    An event as one line: when, how bad, who says it, what, and each value in it.

    A value that JSON does not have is a text; a failure has its traceback beside.
    """
    level = event.get("log_level")
    record: dict[str, object] = {
        "time": _stamp(event.get("log_time", 0.0)),
        "level": "info" if level is None else level.name,
        "logger": event.get("log_namespace", "-"),
        "message": _message(event),
    }
    if "log_failure" in event:
        record["traceback"] = event["log_failure"].getTraceback()
    for name, value in event.items():
        if not name.startswith("log_") and name not in _LEGACY:
            record.setdefault(name, _plain(value))
    return f"{json.dumps(record)}\n"


def _stamp(seconds: float) -> str:
    """A time as in RFC 3339."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(event: LogEvent) -> str:
    return eventAsText(
        event, includeTraceback=False, includeTimestamp=False, includeSystem=False
    )


def _plain(value: object) -> object:
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    try:
        return str(value)
    except Exception:
        # As what an event formats: it must not be lost for one of its values.
        return f"({type(value).__name__})"


def jsonObserver(file: IO[Any]) -> FileLogObserver:
    """Writes the log into a file as lines of JSON."""
    return FileLogObserver(file, formatAsJSON)


#: By what --log-format says.
OBSERVERS: dict[str, Callable[[IO[Any]], Any]] = {
    "text": textFileLogObserver,
    "json": jsonObserver,
}


def configureLogFormat(format: str, runner: MutableMapping[str, Any]) -> None:
    """
    Let C{twist} write its log in a format.

    @param runner: Its options, while they are being read; those of C{twistd} have no
        such thing, see L{JSONLoggingService}.
    """
    if "fileLogObserverFactory" in runner:
        runner["fileLogObserverFactory"] = OBSERVERS[format]
        runner["logFormat"] = format


class JSONLoggingService(MultiService):
    """
    Lets C{twistd} write its log as JSON, where it would have written it as text.
    """

    def __init__(self, runner: MutableMapping[str, Any]) -> None:
        """@param runner: Its options."""
        super().__init__()
        self._runner = runner

    def setServiceParent(self, parent: Any) -> None:
        """It has made an application; the log begins after that."""
        super().setServiceParent(parent)
        if "logfile" in self._runner:
            parent.setComponent(ILogObserver, jsonObserver(self._file()))

    def _file(self) -> IO[Any]:
        """See C{UnixAppLogger._getLogObserver}."""
        name = self._runner["logfile"]
        if name == "-" or (self._runner.get("nodaemon") and not name):
            return sys.stdout
        file: IO[Any] = LogFile.fromFullPath(name or "twistd.log")
        return file


def withLogFormat(
    service: IService, format: str | None, runner: MutableMapping[str, Any] | None
) -> IService:
    """
    A service whose log has a format.

    @param runner: The options of C{twist} or C{twistd}; C{None}, somebody else runs it.
    """
    if format != "json" or runner is None:
        return service
    whole = JSONLoggingService(runner)
    service.setServiceParent(whole)
    return whole
