"""Tests of L{xmpprest.core.policy.redelivery_request}."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tests.core.codec.case import CoreTestCase
from xmpprest.core.errors import Refusal
from xmpprest.core.policy.redelivery_request import (
    MAX_IDS,
    REDELIVERY,
    RedeliveryRequest,
    parseRedeliveryRequest,
    parseTimestamp,
)
from xmpprest.core.stanza.annotate import timestamp

NOON = "2026-01-01T12:00:00Z"


class MomentTests(CoreTestCase):
    """
    Tests of L{parseTimestamp}.
    """

    def test_moments(self) -> None:
        """A moment is read in the formats of RFC 3339 §5.8 and in seconds."""
        for text, seconds in (
            ("1970-01-01T00:00:00Z", 0.0),
            ("1970-01-01T00:00:00.5Z", 0.5),
            ("1970-01-01t00:00:01z", 1.0),
            ("1970-01-01 00:00:01Z", 1.0),
            ("1970-01-01T00:00:00.1234567890Z", 0.123456),
            ("1970-01-01T01:00:00+01:00", 0.0),
            ("1969-12-31T16:00:00-08:00", 0.0),
            ("1969-12-31T23:59:59Z", -1.0),
            ("1985-04-12T23:20:50.52Z", 482196050.52),
            ("0001-01-01T00:00:00+23:59", -62135683140.0),
        ):
            self.assertAlmostEqual(parseTimestamp(text), seconds, places=3, msg=text)

    def test_none(self) -> None:
        """Anything else is no time."""
        for text in (
            "",
            "now",
            "0",
            "2026-01-01",
            "12:00:00Z",
            "2026-01-01T12:00:00",
            "2026-01-01T12:00Z",
            "20260101T120000Z",
            "2026-W01-1T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-02-29T12:00:00Z",
            "2026-01-01T24:01:00Z",
            "2026-01-01T12:00:00+01",
            "2026-01-01T12:00:00+99:00",
            "2026-01-01T12:00:00.Z",
            "2026-01-01T12:00:00,5Z",
            f" {NOON}",
            f"{NOON}\n",
            "\u0662026-01-01T12:00:00Z",
        ):
            with self.assertRaises(ValueError, msg=text):
                parseTimestamp(text)

    @given(
        st.datetimes(
            datetime(1970, 1, 2),
            timezones=st.builds(
                timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23))
            )
            | st.just(UTC),
        )
    )
    def test_roundTrip(self, when: datetime) -> None:
        """A time that the gateway has written it reads as the same, to the ms."""
        seconds = when.timestamp()
        self.assertLess(abs(parseTimestamp(timestamp(seconds)) - seconds), 0.0011)


class RedeliveryTests(CoreTestCase):
    """
    Tests of L{parseRedeliveryRequest}.
    """

    def isValid(self, value: Any) -> bool:
        """Whether a value has the schema."""
        return Draft202012Validator({**REDELIVERY}).is_valid(value)

    def test_accepted(self) -> None:
        """Ids, or a time that may be open at one end."""
        cases: tuple[tuple[Any, RedeliveryRequest], ...] = (
            ({"ids": ["a"]}, RedeliveryRequest(["a"])),
            ({"ids": ["a"] * MAX_IDS}, RedeliveryRequest(["a"] * MAX_IDS)),
            ({"since": NOON}, RedeliveryRequest(None, 1767268800.0)),
            ({"until": NOON}, RedeliveryRequest(None, until=1767268800.0)),
            (
                {"since": NOON, "until": "2026-01-01T12:00:01Z"},
                RedeliveryRequest(None, 1767268800.0, 1767268801.0),
            ),
        )
        for value, expected in cases:
            self.assertEqual(parseRedeliveryRequest(value), expected)
            self.assertTrue(self.isValid(value))

    def test_null(self) -> None:
        """Null is left out."""
        self.assertEqual(
            parseRedeliveryRequest({"ids": ["a"], "since": None}),
            RedeliveryRequest(["a"]),
        )

    def test_ever(self) -> None:
        """Without a time all belong to it."""
        for seconds in (0.0, 1e9, 1e11):
            self.assertTrue(
                RedeliveryRequest().since <= seconds < RedeliveryRequest().until
            )

    def test_refused(self) -> None:
        """Anything else does not say which; the schema knows that, too."""
        values: list[Any] = [
            *({}, [], "a", None, {"ids": []}, {"ids": ["a"] * (MAX_IDS + 1)}),
            *({"ids": [1]}, {"ids": None}, {"ids": {}}, {"id": ["a"]}, {"since": 5}),
            {"ids": ["a"], "until": NOON},
        ]
        for value in values:
            with self.assertRaises(Refusal) as caught:
                parseRedeliveryRequest(value)
            self.assertEqual(caught.exception.problem.status, 422)
            self.assertFalse(self.isValid(value), value)
