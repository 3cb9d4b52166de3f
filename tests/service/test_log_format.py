"""
Tests for L{xmpprest.service.log_format}: the log as lines of JSON, whoever runs the
gateway.
"""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import Logger, LogPublisher, textFileLogObserver
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.service.log_format import configureLogFormat, jsonObserver, withLogFormat


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
        """What was written, line by line."""
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
        """What an event calls like a part of the line does not replace it."""
        self.log.info("x", time=1, logger=2, message=3)
        (line,) = self.lines()
        self.assertEqual((line["message"], line["logger"]), ("x", "xmpprest.test"))
        self.assertIsInstance(line["time"], str)


class RunnerTests(SynchronousTestCase):
    """
    What is asked of whoever runs the gateway
    """

    def test_twist(self) -> None:
        """twist writes as it is told to, be its log a terminal's or not."""
        options: dict[str, Any] = {"fileLogObserverFactory": None}
        configureLogFormat("json", options)
        self.assertIs(options["fileLogObserverFactory"], jsonObserver)
        configureLogFormat("text", options)
        self.assertIs(options["fileLogObserverFactory"], textFileLogObserver)

    def test_others(self) -> None:
        """Without a format, as without anybody whom to ask, all is as it was."""
        service = MultiService()
        self.assertIs(withLogFormat(service, None, {}), service)
        self.assertIs(withLogFormat(service, "text", {}), service)
        self.assertIs(withLogFormat(service, "json", None), service)
