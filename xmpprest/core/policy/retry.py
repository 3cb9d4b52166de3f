"""
Retry schedule of deliveries: backoff, Retry-After, and when a stanza becomes a dead
letter.

Times are in seconds since 1970, random numbers at least 0 and less than 1.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from typing import NamedTuple

#: Seconds before each attempt; L{MAX_BACKOFF} before all further ones.
BACKOFF_SCHEDULE = (0.0, 1.0, 5.0, 30.0, 120.0, 300.0, 900.0, 1800.0)
MAX_BACKOFF = 3600.0
#: The share by which a delay is varied, so that not all attempts come at once.
JITTER = 0.2

#: Seconds after its arrival during which a stanza is tried: while the callback accepts
#: others, and in any case. Without an end, a stanza that never gets a response would
#: block its conversation.
RETRY_WINDOW = 7 * 86400.0
MAX_RETRY_WINDOW = 14 * 86400.0
#: The least number of attempts: a stanza that has waited behind others, or is
#: redelivered after months, must survive a restart of the callback.
MIN_ATTEMPTS = 4

#: Seconds from one attempt that a recovery has made earlier to the next, of one stanza.
RECOVERY_INTERVAL = 60.0

#: The shortest and the longest wait that a callback can ask for, in seconds.
MIN_WAIT = 1.0
MAX_WAIT = 3600.0
#: How often in a row a callback can ask to wait; after that the backoff applies, too.
MAX_HONOURED_RETRY_AFTER = 5

#: The status of a callback that is gone (RFC 9110 §15.5.11).
GONE = 410
#: The statuses with which Retry-After is honoured (RFC 6585 §4, RFC 9110 §15.6.4).
RETRY_AFTER_STATUSES = frozenset({429, 503})

_DIGITS = re.compile(r"[0-9]+")


def backoffDelay(attempts: int, random: float) -> float:
    """
    Return the seconds to wait before the next attempt.

    @param attempts: The number of attempts so far.
    """
    return _exactDelay(attempts) * (1 + JITTER * (2 * random - 1))


def _exactDelay(attempts: int) -> float:
    return (
        BACKOFF_SCHEDULE[attempts] if attempts < len(BACKOFF_SCHEDULE) else MAX_BACKOFF
    )


def isPlausibleDelay(delay: float, attempts: int, status: int | None) -> bool:
    """
    Check whether the schedule allows a delay. One that it does not allow comes from a
    system clock that was stepped back.

    @param delay: Seconds until the next attempt.
    @param attempts: Number of attempts that were made.
    @param status: Status of the last response; C{None} if there was none.
    """
    longest = MAX_WAIT if status in RETRY_AFTER_STATUSES else _exactDelay(attempts)
    return delay <= longest * (1 + JITTER)


def deferralDelay(wait: float, asked: int, random: float) -> float:
    """
    Return the seconds to wait after the callback has asked to wait, at least as many as
    it asked for.

    @param asked: How often in a row the callback has asked.
    """
    exact = wait if asked <= MAX_HONOURED_RETRY_AFTER else max(wait, _exactDelay(asked))
    return exact * (1 + JITTER * random)


class LastAttempt(NamedTuple):
    """
    The last attempt of a stanza that waits for the next.

    @ivar at: The time at which it began; of an earlier process, at which it ended.
    @ivar status: The HTTP status; C{None} for no response.
    @ivar expeditedAt: The time of the last attempt that a recovery has made earlier.
    @ivar consecutiveDeferrals: How often in a row the callback has asked to wait.
    """

    at: float
    status: int | None
    expeditedAt: float = -inf
    consecutiveDeferrals: int = 0


def expeditedRetryAt(last: LastAttempt, dueAt: float, now: float) -> float:
    """
    Return the time of the next attempt after the callback has recovered: now. A stanza
    that fails again is expedited at most once a minute; one that got a response is not,
    because the callback asked for the time, or was not at fault.

    @param dueAt: The time of the next attempt by the schedule.
    """
    if last.status not in (None, GONE):
        return dueAt
    return min(dueAt, max(now, last.expeditedAt + RECOVERY_INTERVAL))


def isExpired(attempts: int, receivedAt: float, now: float, isWell: bool) -> bool:
    """
    Whether a stanza becomes a dead letter.

    @param isWell: Whether the callback is healthy.
    """
    lifetime = RETRY_WINDOW if isWell else MAX_RETRY_WINDOW
    return attempts >= MIN_ATTEMPTS and now >= receivedAt + lifetime


def parseRetryAfter(status: int, header: str | None, now: float) -> float | None:
    """
    Return the seconds that the callback asks to wait (RFC 9110 §10.2.3).

    @param header: The value of C{Retry-After}, or C{None}.
    @return: C{None} if it does not ask, or the header is malformed.
    """
    if status not in RETRY_AFTER_STATUSES or header is None:
        return None
    text = header.strip()
    if _DIGITS.fullmatch(text):
        wait = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            # A date without a zone is in UTC, as in asctime's format (§5.6.7).
            wait = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, MIN_WAIT), MAX_WAIT)
