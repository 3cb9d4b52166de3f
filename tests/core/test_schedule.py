"""Tests of L{xmpprest.core.schedule}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.schedule import (
    LEAST_TRIES,
    LIFETIME,
    MAX_WAIT,
    MIN_WAIT,
    PATIENCE,
    RECENTLY,
    Health,
    delay,
    isExhausted,
    postponed,
    retryAfter,
)

#: Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 §5.6.7)
NOVEMBER = 784111777.0
DAY = 86400.0


class DelayTests(SynchronousTestCase):
    """
    Tests of when the callback is tried again.
    """

    def test_delays(self) -> None:
        """
        At once, after 1, 5 and 30 s, 2, 5, 15 and 30 min, then every hour.
        """
        self.assertEqual(
            [0, 1, 5, 30, 120, 300, 900, 1800, 3600, 3600],
            [delay(attempts, 0.5) for attempts in range(10)],
        )
        self.assertEqual(3600, delay(1000, 0.5))

    @given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
    def test_jitter(self, attempts: int, random: float) -> None:
        """
        It may be a fifth more or less.
        """
        exact = delay(attempts, 0.5)
        self.assertLessEqual(abs(delay(attempts, random) - exact), 0.2001 * exact)

    def test_spread(self) -> None:
        """
        All of that is used.
        """
        self.assertAlmostEqual(24, delay(3, 0))
        self.assertAlmostEqual(36, delay(3, 0.999999), 3)

    def test_postponed(self) -> None:
        """
        What the callback asked for may only become more.
        """
        self.assertEqual(60, postponed(60, 0))
        self.assertAlmostEqual(72, postponed(60, 0.999999), 3)

    def test_exhausted(self) -> None:
        """
        A stanza is tried for seven days, and a few times at least.
        """
        for attempts, age, expected in (
            (1, 0.0, False),
            (1000, LIFETIME - 1, False),
            (LEAST_TRIES, LIFETIME, True),
            (1000, LIFETIME, True),
            (LEAST_TRIES - 1, LIFETIME * 10, False),
            (LEAST_TRIES, LIFETIME * 10, True),
        ):
            self.assertEqual(
                expected, isExhausted(attempts, NOVEMBER, NOVEMBER + age), attempts
            )


class RetryAfterTests(SynchronousTestCase):
    """
    Tests of L{retryAfter}.
    """

    def wait(self, header: str | None, status: int = 503) -> float | None:
        """What a header means, half a minute before that day in November."""
        return retryAfter(status, header, NOVEMBER - 30)

    def test_table(self) -> None:
        """
        It may be a number of seconds, or a date in any of the three formats.
        """
        for header, expected in {
            "120": 120,
            " 120 ": 120,
            "0": MIN_WAIT,
            "00060": 60,
            "3600": 3600,
            "3601": MAX_WAIT,
            "9" * 5000: MAX_WAIT,
            "Sun, 06 Nov 1994 08:49:37 GMT": 30,
            "Sunday, 06-Nov-94 08:49:37 GMT": 30,
            "Sun Nov  6 08:49:37 1994": 30,
            "Sun, 06 Nov 1994 07:49:37 GMT": MIN_WAIT,
            "Mon, 07 Nov 1994 08:49:37 GMT": MAX_WAIT,
            "Fri, 31 Dec 9999 23:59:59 GMT": MAX_WAIT,
        }.items():
            self.assertEqual(expected, self.wait(header), header[:40])

    def test_garbage(self) -> None:
        """
        What cannot be understood counts as if it were not there.
        """
        for header in (
            None,
            "",
            "soon",
            "-1",
            "1.5",
            "1e3",
            "120, 60",
            "٣",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 99999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 +999999999999",
        ):
            self.assertIsNone(self.wait(header), header)

    def test_statuses(self) -> None:
        """
        It counts with 429 and 503 only.
        """
        self.assertEqual(60, self.wait("60", 429))
        for status in (200, 204, 301, 404, 413, 500, 502, 504):
            self.assertIsNone(self.wait("60", status), status)

    @given(st.text(max_size=40))
    def test_anything(self, header: str) -> None:
        """
        Whatever it is, it is garbage or within the limits.
        """
        wait = self.wait(header)
        self.assertTrue(wait is None or MIN_WAIT <= wait <= MAX_WAIT, wait)


class HealthTests(SynchronousTestCase):
    """
    Tests of L{Health}.
    """

    def setUp(self) -> None:
        """Know nothing yet."""
        self.health = Health()

    def test_gone(self) -> None:
        """
        A 410 pauses the callback, and any other answer resumes it, be it an error.
        """
        for status in (200, 404, 429, 500, 503):
            self.health.answered(410, 0)
            self.assertTrue(self.health.isPaused)
            self.health.failed(1)
            self.assertTrue(self.health.isPaused)
            self.health.answered(status, 2)
            self.assertFalse(self.health.isPaused, status)

    def test_patience(self) -> None:
        """
        So do five days of nothing but failures.
        """
        self.health.answered(200, 0)
        self.health.failed(DAY)
        self.health.failed(DAY + PATIENCE - 1)
        self.assertFalse(self.health.isPaused)
        self.health.failed(DAY + PATIENCE)
        self.assertTrue(self.health.isPaused)
        self.health.answered(200, DAY + PATIENCE)
        self.assertFalse(self.health.isPaused)

    def test_interrupted(self) -> None:
        """
        One answer, and the days are counted anew.
        """
        self.health.failed(0)
        self.health.answered(500, PATIENCE - 1)
        self.health.failed(PATIENCE)
        self.assertFalse(self.health.isPaused)
        self.health.failed(2 * PATIENCE)
        self.assertTrue(self.health.isPaused)

    def test_givesUp(self) -> None:
        """
        Stanzas are given up only while the callback takes others.
        """
        self.assertFalse(self.health.givesUp(0))
        self.health.failed(0)
        self.assertFalse(self.health.givesUp(0))
        self.health.answered(200, 1)
        self.health.failed(2)
        self.assertTrue(self.health.givesUp(1 + RECENTLY))
        self.assertFalse(self.health.givesUp(2 + RECENTLY))
        self.health.answered(410, 3)
        self.assertFalse(self.health.givesUp(3))
