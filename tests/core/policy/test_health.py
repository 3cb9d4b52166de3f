"""Tests of L{xmpprest.core.policy.health}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.policy.health import (
    HEALTHY_WINDOW,
    MAX_LOGGED_REASONS,
    OUTAGE_AFTER,
    PAUSE_AFTER,
    EndpointHealth,
    FailureLogThrottle,
)

#: Sun, 06 Nov 1994 08:49:37 GMT (RFC 9110 §5.6.7)
NOVEMBER = 784111777.0
DAY = 86400.0


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
        """A callback is healthy while it accepts stanzas, even if it refuses some."""
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
        A callback is down after two failures in a row, or a minute after one.
        """
        self.assertFalse(self.health.isInOutage(1000))
        self.health.failed(1000)
        self.assertFalse(self.health.isInOutage(1000 + OUTAGE_AFTER - 1))
        self.assertTrue(self.health.isInOutage(1000 + OUTAGE_AFTER))
        self.health.answered(500, 2000)
        self.assertFalse(self.health.isInOutage(2000))
        self.health.failed(2001)
        self.assertFalse(self.health.isInOutage(2001))
        self.health.failed(2001)
        self.assertTrue(self.health.isInOutage(2001))

    def test_meanwhile(self) -> None:
        """
        An attempt during which others got a response shows no outage when it fails.
        """
        self.health.answered(200, 1000)
        for _ in range(3):
            self.health.failed(1015, 990)
        self.assertFalse(self.health.isInOutage(1015))
        self.health.failed(1016, 1000)
        self.health.failed(1016, 1001)
        self.assertTrue(self.health.isInOutage(1016))

    def test_probes(self) -> None:
        """
        A probe every 15 seconds in the first five minutes, then one a minute; one a
        minute also to a callback that is gone.
        """
        self.health.failed(1000)
        self.assertEqual(15, self.health.probeInterval(1000))
        self.assertEqual(15, self.health.probeInterval(1299))
        self.assertEqual(60, self.health.probeInterval(1300))
        self.health.answered(410, 1600)
        self.health.failed(1601)
        self.assertEqual(60, self.health.probeInterval(1601))

    def test_recovered(self) -> None:
        """
        An answer after several failures, or a minute after one, is a recovery.
        """
        self.health.answered(200, 0)
        for began, failures, lasted, expected in (
            (1000, 1, 0, False),
            (1100, 2, 0, True),
            (2000, 1, OUTAGE_AFTER - 1, False),
            (3000, 1, OUTAGE_AFTER, True),
            (4000, 9, PAUSE_AFTER, True),
        ):
            self.health.recoveredAt = None
            for _ in range(failures):
                self.health.failed(began)
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
        self.assertEqual(MAX_LOGGED_REASONS, told)
