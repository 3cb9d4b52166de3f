"""Tests of L{xmpprest.core.policy.rate_limit}."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from tests.core.codec.case import CoreTestCase
from xmpprest.core.policy.rate_limit import RateLimiter


class BucketTests(CoreTestCase):
    """
    L{RateLimiter}
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.bucket = RateLimiter(2, 3, self.clock.seconds)

    def takes(self, wait: float) -> None:
        """One more may be done after so many seconds, or now."""
        self.assertAlmostEqual(self.bucket.acquire(), wait)

    def test_burst(self) -> None:
        """
        At first, and after a pause, as much may be done at once as was said.
        """
        for pause in (0, 1.5, 1000):
            self.clock.advance(pause)
            for _ in range(3):
                self.takes(0)
            self.takes(0.5)

    def test_rate(self) -> None:
        """
        After that, it may be done at the rate; what is refused costs nothing.
        """
        for _ in range(3):
            self.takes(0)
        for _ in range(10):
            self.takes(0.5)
            self.clock.advance(0.25)
            self.takes(0.25)
            self.clock.advance(0.25)
            self.takes(0)

    def test_setBack(self) -> None:
        """
        If the clock is set back, it goes on from there.
        """
        self.clock.rightNow = 1000.0
        for _ in range(3):
            self.takes(0)
        self.clock.rightNow = 10.0
        self.takes(0.5)
        self.clock.advance(0.5)
        self.takes(0)

    @given(
        st.floats(0.01, 1000),
        st.integers(1, 50),
        st.lists(st.floats(0, 10), max_size=200),
        st.floats(0, 2e9),
    )
    def test_never(
        self, rate: float, burst: int, pauses: list[float], start: float
    ) -> None:
        """
        Whenever it is tried, never more is done than the burst and what the rate
        gives in the time since; and who waits as long as he is told may.
        """
        clock = Clock()
        clock.rightNow = start
        bucket, done = RateLimiter(rate, burst, clock.seconds), 0
        for pause in pauses:
            clock.advance(pause)
            done += bucket.acquire() == 0
            possible = burst + (clock.seconds() - start) * rate
            self.assertLessEqual(done, possible + 0.01)
        while not (wait := bucket.acquire()):
            pass
        # Of a clock that says the seconds since 1970 no more can be expected.
        clock.advance(wait + 1e-6)
        self.assertEqual(bucket.acquire(), 0)
