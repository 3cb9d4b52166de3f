"""Tests of L{xmpprest.core.policy.retry}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.retry import (
    MAX_HONOURED_RETRY_AFTER,
    MAX_RETRY_WINDOW,
    MAX_WAIT,
    MIN_ATTEMPTS,
    MIN_WAIT,
    RECOVERY_INTERVAL,
    RETRY_WINDOW,
    LastAttempt,
    backoffDelay,
    deferralDelay,
    expeditedRetryAt,
    isExpired,
    parseRetryAfter,
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
            [backoffDelay(attempts, 0.5) for attempts in range(10)],
        )
        self.assertEqual(3600, backoffDelay(1000, 0.5))

    @given(st.integers(0, 200), st.floats(0, 1, exclude_max=True))
    def test_jitter(self, attempts: int, random: float) -> None:
        """A delay may be a fifth longer or shorter."""
        exact = backoffDelay(attempts, 0.5)
        self.assertLessEqual(
            abs(backoffDelay(attempts, random) - exact), 0.2001 * exact
        )

    def test_spread(self) -> None:
        """
        All of that is used.
        """
        self.assertAlmostEqual(24, backoffDelay(3, 0))
        self.assertAlmostEqual(36, backoffDelay(3, 0.999999), 3)

    def test_postponed(self) -> None:
        """A delay that the callback asked for may only become longer."""
        self.assertEqual(60, deferralDelay(60, 1, 0))
        self.assertAlmostEqual(72, deferralDelay(60, 1, 0.999999), 3)

    def test_asked(self) -> None:
        """
        A few times it may ask for the shortest; then it is as if it had not answered.
        """
        for asked, expected in (
            (MAX_HONOURED_RETRY_AFTER, 1),
            (MAX_HONOURED_RETRY_AFTER + 1, 900),
            (7, 1800),
            (99, 3600),
        ):
            self.assertEqual(expected, deferralDelay(1, asked, 0), asked)
        self.assertEqual(3600, deferralDelay(3600, MAX_HONOURED_RETRY_AFTER + 1, 0))

    def test_exhausted(self) -> None:
        """
        A stanza is tried for seven days, and a few times at least; for fourteen if
        the callback takes no others.
        """
        for attempts, age, isWell, expected in (
            (1, 0.0, True, False),
            (1000, RETRY_WINDOW - 1, True, False),
            (MIN_ATTEMPTS, RETRY_WINDOW, True, True),
            (1000, RETRY_WINDOW, True, True),
            (1000, RETRY_WINDOW, False, False),
            (1000, MAX_RETRY_WINDOW - 1, False, False),
            (MIN_ATTEMPTS, MAX_RETRY_WINDOW, False, True),
            (MIN_ATTEMPTS - 1, MAX_RETRY_WINDOW * 10, False, False),
            (MIN_ATTEMPTS - 1, RETRY_WINDOW * 10, True, False),
            (MIN_ATTEMPTS, RETRY_WINDOW * 10, True, True),
        ):
            found = isExpired(attempts, NOVEMBER, NOVEMBER + age, isWell)
            self.assertEqual(expected, found, (attempts, age, isWell))


class HastenedTests(SynchronousTestCase):
    """
    Tests of when to try again once the callback has recovered.
    """

    def test_table(self) -> None:
        """
        A stanza without a response is tried again at once; one with a response is left
        alone.
        """
        for status, expected in (
            (None, 100.0),
            (410, 100.0),
            (429, 3600.0),
            (503, 3600.0),
            (200, 3600.0),
        ):
            found = expeditedRetryAt(LastAttempt(99.0, status), 3600.0, 100.0)
            self.assertEqual(expected, found, status)

    @given(st.floats(0, 3600), st.floats(0, 3600))
    def test_again(self, since: float, wait: float) -> None:
        """A stanza that fails again is not hastened twice within a minute."""
        last = LastAttempt(1000.0, None, 1000.0)
        now = 1000.0 + since
        found = expeditedRetryAt(last, now + wait, now)
        self.assertLessEqual(found, now + wait)
        if found < now + wait:
            self.assertEqual(found, max(now, 1000.0 + RECOVERY_INTERVAL))


class RetryAfterTests(SynchronousTestCase):
    """
    Tests of L{parseRetryAfter}.
    """

    def wait(self, header: str | None, status: int = 503) -> float | None:
        """
        Return the seconds that a header means, half a minute before that day in
        November.
        """
        return parseRetryAfter(status, header, NOVEMBER - 30)

    def test_table(self) -> None:
        """The header is a number of seconds, or a date in any of the three formats."""
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
        """A malformed header is ignored."""
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
        """The header counts only with 429 and 503."""
        self.assertEqual(60, self.wait("60", 429))
        for status in (200, 204, 301, 404, 413, 500, 502, 504):
            self.assertIsNone(self.wait("60", status), status)

    @given(st.text(max_size=40))
    def test_anything(self, header: str) -> None:
        """Every header is ignored or gives a time within the limits."""
        wait = self.wait(header)
        self.assertTrue(wait is None or MIN_WAIT <= wait <= MAX_WAIT, wait)
