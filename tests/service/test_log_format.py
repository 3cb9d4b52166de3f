"""
Tests for L{xmpprest.service.log_format}: the log as lines of JSON, whoever runs the
gateway.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any, cast

from twisted.application.service import Application, MultiService
from twisted.logger import ILogObserver, Logger, LogPublisher
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.service.log_format import (
    OBSERVERS,
    configureTwistLog,
    isFormatOfRunner,
    jsonObserver,
    unblocked,
    withLogFormat,
)
from xmpprest.service.log_writer import LogWriter


class Unprintable:
    """Something that cannot be shown."""

    def __str__(self) -> str:
        raise ZeroDivisionError

    __repr__ = __str__


class LineTests(SynchronousTestCase):
    """
    Events as lines
    """

    def setUp(self) -> None:
        self.file = StringIO()
        publisher = LogPublisher(jsonObserver(self.file))
        self.log = Logger("xmpprest.test", observer=publisher)

    def lines(self) -> list[dict[str, Any]]:
        """Return the written lines."""
        return [json.loads(line) for line in self.file.getvalue().splitlines()]

    def test_event(self) -> None:
        """A line says when, how bad, who, and what, with each value beside."""
        self.log.warn("{subject}: {what}\nmore", subject="a \u2615", what=7, isNew=True)
        (line,) = self.lines()
        self.assertRegex(line.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(
            line,
            {
                "level": "warn",
                "logger": "xmpprest.test",
                "message": "a \u2615: 7\nmore",
                "subject": "a \u2615",
                "what": 7,
                "isNew": True,
            },
        )

    def test_failure(self) -> None:
        """A failure has its traceback, on the same line."""
        try:
            raise ZeroDivisionError("why")
        except ZeroDivisionError:
            self.log.failure("It failed.", Failure())
        (line,) = self.lines()
        self.assertEqual((line["level"], line["message"]), ("critical", "It failed."))
        self.assertIn("ZeroDivisionError: why", line["traceback"])

    def test_values(self) -> None:
        """A value that JSON does not have is a text, and none loses the line."""
        self.log.info("x", a=float("nan"), b=b"x", c=Unprintable(), d="\ud800", e=None)
        (line,) = self.lines()
        self.assertEqual(
            [line[name] for name in "abcde"],
            ["nan", "b'x'", "(Unprintable)", "\ud800", None],
        )

    def test_names(self) -> None:
        """
        A field of an event that has the name of a part of the line does not replace it.
        """
        self.log.info("x", time=1, logger=2, message=3)
        (line,) = self.lines()
        self.assertEqual((line["message"], line["logger"]), ("x", "xmpprest.test"))
        self.assertIsInstance(line["time"], str)


class RunnerTests(SynchronousTestCase):
    """The programs twist and twistd are given a format."""

    def observed(self, observer: Any) -> str:
        """The line that an observer of standard output writes."""
        publisher = LogPublisher(observer)
        Logger("xmpprest.test", observer=publisher).info("It works.")
        return self.output.getvalue()

    def setUp(self) -> None:
        self.output = StringIO()
        self.ends: list[Callable[[], None]] = []

    def test_twist(self) -> None:
        """twist writes in the format that is configured, else in its own."""
        for format, chosen, isJSON in (
            ("json", "text", True),
            ("text", "json", False),
            (None, "json", True),
            (None, "text", False),
        ):
            self.output = StringIO()
            options: dict[str, Any] = {
                "fileLogObserverFactory": OBSERVERS[chosen],
                "logFormat": chosen,
            }
            configureTwistLog(format, options, self.ends.append)
            observer = options["fileLogObserverFactory"](self.output)
            self.assertEqual(self.observed(observer).startswith("{"), isJSON)

    def test_unblocked(self) -> None:
        """Standard output is written to in a thread, a regular file is not."""
        self.assertIsInstance(
            unblocked(sys.stdout, "text", self.ends.append), LogWriter
        )
        self.assertIsInstance(
            unblocked(sys.stderr, "json", self.ends.append), LogWriter
        )
        self.assertIs(unblocked(self.output, "text", self.ends.append), self.output)

    def test_twistd(self) -> None:
        """
        twistd is given an observer, except where it writes to syslog, or text to a
        file, which it rotates itself.
        """
        for options, format, isSet in (
            ({"logfile": "-"}, None, True),
            ({"logfile": None, "nodaemon": True}, "text", True),
            ({"logfile": None, "nodaemon": True}, "json", True),
            ({"logfile": self.mktemp()}, "text", False),
            ({"logfile": self.mktemp()}, "json", True),
            ({"logfile": None, "syslog": True}, "json", False),
        ):
            application = cast(Componentized, Application("test"))
            service = withLogFormat(
                MultiService(), format, {**options}, self.ends.append
            )
            service.setServiceParent(application)
            observer = application.getComponent(ILogObserver)
            self.assertEqual(observer is not None, isSet, options)

    def test_formatOfRunner(self) -> None:
        """The format of twist itself stands before the name of the gateway."""
        for arguments, isGiven in (
            (["--log-format=json", "xmpprest"], True),
            (["--log-format", "json", "xmpprest"], True),
            (["--log-form=json", "xmpprest"], True),
            (["--log-file=x", "xmpprest", "--log-format=json"], False),
            (["xmpprest"], False),
        ):
            self.assertEqual(isFormatOfRunner(arguments), isGiven, arguments)

    def test_others(self) -> None:
        """Other runners keep their log."""
        service = MultiService()
        self.assertIs(withLogFormat(service, None, {}, self.ends.append), service)
        self.assertIs(withLogFormat(service, "text", {}, self.ends.append), service)
        self.assertIs(withLogFormat(service, "json", None, self.ends.append), service)
        options: dict[str, Any] = {}
        configureTwistLog("json", options, self.ends.append)
        self.assertEqual(options, {})
