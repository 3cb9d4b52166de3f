"""The formats of the log, text and JSON, and how twist and twistd are given them."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from io import StringIO
from itertools import takewhile
from typing import IO, Any, cast

from twisted.application.service import IService, MultiService
from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile

from .log_writer import AtEnd, LogWriter

#: The keys that Twisted adds to events for its legacy observers.
_LEGACY = frozenset({"format", "isError", "message", "printed", "system", "time"})


def formatAsJSON(event: LogEvent) -> str:
    """
    Format an event as one line of JSON: time, level, logger, message, and the event's
    own values. A value without a JSON type becomes text; a failure adds C{traceback}.
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
    """Return a time as in RFC 3339."""
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
        # An event must not be lost for one of its values.
        return f"({type(value).__name__})"


def jsonObserver(file: IO[Any]) -> FileLogObserver:
    """Return an observer that writes the log into a file as lines of JSON."""
    return FileLogObserver(file, formatAsJSON)


#: The observers, by the value of C{--log-format}.
OBSERVERS: dict[str, Callable[[IO[Any]], Any]] = {
    "text": textFileLogObserver,
    "json": jsonObserver,
}


def isFormatOfRunner(arguments: Sequence[str]) -> bool:
    """
    Return whether the command line gives C{twist} a log format of its own, which is
    then used unless the gateway's configuration has one.

    @param arguments: The command line, with C{xmpprest} behind the options of C{twist}.
    """
    options = takewhile(lambda each: each != "xmpprest", arguments)
    return any(each.startswith("--log-f") and "file" not in each for each in options)


def configureTwistLog(
    format: str | None, options: MutableMapping[str, Any], atEnd: AtEnd
) -> None:
    """
    Make C{twist} write its log in a format, and never wait for the log's reader.

    @param format: C{"text"} or C{"json"}; C{None} for what C{twist} has chosen.
    @param options: The options of C{twist}, while they are parsed. Those of C{twistd}
        are left alone; L{LogFormatService} is for them.
    @param atEnd: Registers a function to be called when the process ends.
    """
    if "fileLogObserverFactory" not in options:
        return
    makeObserver = options["fileLogObserverFactory"]
    if format is not None:
        makeObserver = OBSERVERS[format]
        options["logFormat"] = format
    options["fileLogObserverFactory"] = lambda file: makeObserver(
        unblocked(file, options["logFormat"], atEnd)
    )


class LogFormatService(MultiService):
    """
    A service that gives C{twistd} a log observer when it becomes its application's.
    """

    def __init__(
        self, format: str, options: MutableMapping[str, Any], atEnd: AtEnd
    ) -> None:
        """
        @param format: C{"text"} or C{"json"}.
        @param options: The options of C{twistd}.
        @param atEnd: Registers a function to be called when the process ends.
        """
        super().__init__()
        self._format = format
        self._options = options
        self._atEnd = atEnd

    def setServiceParent(self, parent: Any) -> None:
        """Set the observer of the application, which begins to log after that."""
        super().setServiceParent(parent)
        file = self._file()
        if file is not None:
            parent.setComponent(ILogObserver, OBSERVERS[self._format](file))

    def _file(self) -> IO[Any] | None:
        """
        Open the file of the log, as C{UnixAppLogger._getLogObserver} does.

        @return: C{None} if C{twistd} shall write the log itself.
        """
        if "logfile" not in self._options or self._options.get("syslog"):
            return None
        name = self._options["logfile"]
        if name == "-" or (self._options.get("nodaemon") and not name):
            return unblocked(sys.stdout, self._format, self._atEnd)
        if self._format == "text":
            return None
        file: IO[Any] = LogFile.fromFullPath(name or "twistd.log")
        return file


def unblocked(file: IO[Any], format: str, atEnd: AtEnd) -> IO[Any]:
    """
    Return a file whose writers never wait for its reader.

    @param file: A file of the log; only that of standard output or standard error has a
        reader, any other is returned as it is.
    @param atEnd: Registers a function to be called when the process ends.
    """
    if file not in (sys.stdout, sys.stderr):
        return file

    def formatDropped(count: int) -> str:
        event = {
            "log_format": "{count} log lines were dropped: the reader of the log did"
            " not keep up.",
            "log_level": LogLevel.warn,
            "log_namespace": __name__,
            "log_time": time.time(),
            "count": count,
        }
        written = StringIO()
        OBSERVERS[format](written)(event)
        return written.getvalue()

    return cast("IO[Any]", LogWriter(file, formatDropped, atEnd=atEnd))


def withLogFormat(
    service: IService,
    format: str | None,
    options: MutableMapping[str, Any] | None,
    atEnd: AtEnd,
) -> IService:
    """
    Return a service whose log has a format under C{twistd}.

    @param format: C{"text"} or C{"json"}; C{None} for text.
    @param options: The options of C{twist} or C{twistd}; C{None} for another runner.
    @param atEnd: Registers a function to be called when the process ends.
    """
    if options is None or "logfile" not in options:
        return service
    whole = LogFormatService(format or "text", options, atEnd)
    service.setServiceParent(whole)
    return whole
