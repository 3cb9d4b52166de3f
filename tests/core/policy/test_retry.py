"""Tests of L{xmpprest.core.policy.retry}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.retry import (
    COMPLAINTS,
    HEALTHY_WINDOW,
    MAX_HONOURED_RETRY_AFTER,
    MAX_RETRY_WINDOW,
    MAX_WAIT,
    MIN_ATTEMPTS,
    MIN_WAIT,
    OUTAGE_AFTER,
    PAUSE_AFTER,
    RECOVERY_WINDOW,
    RETRY_WINDOW,
    EndpointHealth,
    FailureLogThrottle,
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
        """
        It may be a fifth more or less.
        """
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
        """
        What the callback asked for may only become more.
        """
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
        What got no answer is tried within the minute, not within the second; what was
        answered, or is due sooner, is not touched.
        """
        for status, dueAt, random, expected in (
            (None, 3600.0, 0.0, 101.0),
            (None, 3600.0, 0.5, 130.5),
            (None, 3600.0, 0.999999, 160.0),
            (None, 120.0, 0.5, 120.0),
            (410, 3600.0, 0.5, 130.5),
            (429, 3600.0, 0.5, 3600.0),
            (503, 3600.0, 0.5, 3600.0),
            (200, 3600.0, 0.5, 3600.0),
        ):
            found = expeditedRetryAt(LastAttempt(99.0, status), dueAt, 100.0, random)
            self.assertAlmostEqual(expected, found, 3, (status, dueAt, random))

    @given(st.floats(0, 3600), st.floats(0, 3600), st.floats(0, 1, exclude_max=True))
    def test_again(self, since: float, wait: float, random: float) -> None:
        """
        What fails all the same is not hastened twice within a minute.
        """
        last = LastAttempt(1000.0, None, 1000.0)
        now = 1000.0 + since
        found = expeditedRetryAt(last, now + wait, now, random)
        self.assertLessEqual(found, now + wait)
        if found < now + wait:
            self.assertGreaterEqual(found, 1000.0 + RECOVERY_WINDOW)
            self.assertTrue(now + MIN_WAIT <= found <= now + RECOVERY_WINDOW, found)


class RetryAfterTests(SynchronousTestCase):
    """
    Tests of L{parseRetryAfter}.
    """

    def wait(self, header: str | None, status: int = 503) -> float | None:
        """What a header means, half a minute before that day in November."""
        return parseRetryAfter(status, header, NOVEMBER - 30)

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
    Tests of L{EndpointHealth}.
    """

    def setUp(self) -> None:
        """Know nothing yet."""
        self.health = EndpointHealth()

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
        self.health.failed(DAY + PAUSE_AFTER - 1)
        self.assertFalse(self.health.isPaused)
        self.health.failed(DAY + PAUSE_AFTER)
        self.assertTrue(self.health.isPaused)
        self.health.answered(200, DAY + PAUSE_AFTER)
        self.assertFalse(self.health.isPaused)

    def test_interrupted(self) -> None:
        """
        One answer, and the days are counted anew.
        """
        self.health.failed(0)
        self.health.answered(500, PAUSE_AFTER - 1)
        self.health.failed(PAUSE_AFTER)
        self.assertFalse(self.health.isPaused)
        self.health.failed(2 * PAUSE_AFTER)
        self.assertTrue(self.health.isPaused)

    def test_isWell(self) -> None:
        """
        It is well while it takes stanzas, be it not all of them.
        """
        self.assertFalse(self.health.isHealthy(0))
        self.health.failed(0)
        self.assertFalse(self.health.isHealthy(0))
        self.health.answered(200, 1)
        self.health.failed(2)
        self.assertTrue(self.health.isHealthy(1 + HEALTHY_WINDOW))
        self.assertFalse(self.health.isHealthy(2 + HEALTHY_WINDOW))
        self.health.answered(410, 3)
        self.assertFalse(self.health.isHealthy(3))

    def test_isOut(self) -> None:
        """
        It is out after a minute of nothing but failures.
        """
        self.assertFalse(self.health.isInOutage(1000))
        self.health.failed(1000)
        self.health.failed(1000 + OUTAGE_AFTER - 1)
        self.assertFalse(self.health.isInOutage(1000 + OUTAGE_AFTER - 1))
        self.assertTrue(self.health.isInOutage(1000 + OUTAGE_AFTER))
        self.health.answered(500, 2000)
        self.assertFalse(self.health.isInOutage(2000))

    def test_recovered(self) -> None:
        """
        An answer after a minute of nothing but failures is a recovery.
        """
        self.health.answered(200, 0)
        for began, lasted, expected in (
            (1000, 0, False),
            (2000, OUTAGE_AFTER - 1, False),
            (3000, OUTAGE_AFTER, True),
            (4000, PAUSE_AFTER, True),
        ):
            self.health.recoveredAt = None
            self.health.failed(began)
            self.health.failed(began + lasted / 2)
            self.health.answered(500, began + lasted)
            found = began + lasted if expected else None
            self.assertEqual(found, self.health.recoveredAt, began)

    def test_goneOver(self) -> None:
        """
        So is one after a 410; the 410 itself is none.
        """
        self.health.answered(200, 0)
        self.health.failed(0)
        self.health.recoveredAt = None
        self.health.answered(410, 1000)
        self.assertIsNone(self.health.recoveredAt)
        self.health.answered(200, 1001)
        self.assertEqual(1001, self.health.recoveredAt)

    def test_first(self) -> None:
        """
        The very first answer is one for what was tried before anybody watched.
        """
        health = EndpointHealth(500)
        health.failed(501)
        health.answered(200, 502)
        self.assertEqual(500, health.recoveredAt)
        health.failed(503)
        health.answered(200, 504)
        self.assertEqual(500, health.recoveredAt)


class ComplaintsTests(SynchronousTestCase):
    """
    Tests of L{FailureLogThrottle}.
    """

    def setUp(self) -> None:
        """Nothing is known yet."""
        self.complaints = FailureLogThrottle()

    def test_outage(self) -> None:
        """
        Each reason is told once, and that it is over.
        """
        self.assertFalse(self.complaints.answered())
        for reason, at, expected in (
            ("out", 0, True),
            ("out", 1, False),
            ("ill", 2, True),
            ("out", 1000, False),
            ("ill", 100_000, True),
        ):
            self.assertEqual(expected, self.complaints.failed(reason, at), at)
        self.assertTrue(self.complaints.answered())
        self.assertFalse(self.complaints.answered())

    def test_oneOfMany(self) -> None:
        """
        One that fails every hour for a week, between others that do not, is told once.
        """
        told = 0
        for at in range(0, 7 * 86400, 600):
            told += at % 3600 == 0 and self.complaints.failed("it hangs", at)
            told += self.complaints.answered()
        self.assertEqual(2, told)

    def test_outageAgain(self) -> None:
        """
        A reason that is known is told all the same once there is nothing else for a
        minute.
        """
        self.complaints.failed("out", 0)
        self.complaints.answered()
        found = [self.complaints.failed("out", at) for at in (10, 70, 71, 200)]
        self.assertEqual([False, False, True, False], found)
        self.assertTrue(self.complaints.answered())

    def test_longAgo(self) -> None:
        """
        And if it was not seen for hours, at once.
        """
        self.complaints.failed("out", 0)
        self.complaints.answered()
        self.assertTrue(self.complaints.failed("out", HEALTHY_WINDOW + 1))

    def test_bounded(self) -> None:
        """
        A callback that fails in a new way each time is not told of each time.
        """
        told = 0
        for number in range(1000):
            told += self.complaints.failed(str(number), 0)
            self.complaints.answered()
        self.assertEqual(COMPLAINTS, told)
