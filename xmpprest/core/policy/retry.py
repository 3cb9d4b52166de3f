"""
When the callback is tried again, when a stanza is given up, and how the callback is.

Times are in seconds since 1970, random numbers at least 0 and less than 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf

#: Seconds before each try; before all further ones it is L{MAX_BACKOFF}.
BACKOFF_SCHEDULE = (0.0, 1.0, 5.0, 30.0, 120.0, 300.0, 900.0, 1800.0)
MAX_BACKOFF = 3600.0
#: What share of a delay it may be shorter or longer, so that not all come at once.
JITTER = 0.2

#: Seconds after its arrival that a stanza is tried, if the callback takes others; and
#: whatever it does, or one that never gets an answer would block those behind it.
RETRY_WINDOW = 7 * 86400.0
MAX_RETRY_WINDOW = 14 * 86400.0
#: How often it is tried at least: one that has waited behind others, or is delivered
#: again after months, must not be given up over a callback that restarts.
MIN_ATTEMPTS = 4

#: Seconds after that within which those are tried again that got no answer.
RECOVERY_WINDOW = 60.0

#: The shortest and the longest time that a callback can ask for, in seconds.
MIN_WAIT = 1.0
MAX_WAIT = 3600.0
#: How often in a row it can ask for the shortest; then it is as if it had not answered.
MAX_HONOURED_RETRY_AFTER = 5

#: Says that the callback is gone (RFC 9110 §15.5.11).
GONE = 410
#: The statuses that can say when to come again (RFC 6585 §4, RFC 9110 §15.6.4).
RETRY_AFTER_STATUSES = frozenset({429, 503})

_DIGITS = re.compile(r"[0-9]+")


def backoffDelay(attempts: int, random: float) -> float:
    """
    How long to wait for the next try.

    @param attempts: How many there have been.
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
    How long to wait, if the callback has asked for it: not less than that.

    @param asked: How often it has, in a row.
    """
    exact = wait if asked <= MAX_HONOURED_RETRY_AFTER else max(wait, _exactDelay(asked))
    return exact * (1 + JITTER * random)


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """
    The last try of a stanza that waits for the next.

    @ivar at: When it began, or ended, if it was an earlier process's.
    @ivar status: What the callback said; C{None}, nothing.
    @ivar expeditedAt: When the last one was that came before it was due.
    @ivar consecutiveDeferrals: How often in a row the callback has asked to wait.
    """

    at: float
    status: int | None
    expeditedAt: float = -inf
    consecutiveDeferrals: int = 0


def expeditedRetryAt(
    last: LastAttempt, dueAt: float, now: float, random: float
) -> float:
    """
    When to try again, since the callback has recovered: soon, but not all at once.
    One that fails all the same is tried no more than once a minute for that, and one
    that was answered is not: the callback has asked for the time, or was not at fault.

    @param dueAt: When it would be tried else.
    """
    if last.status not in (None, GONE):
        return dueAt
    soon = now + MIN_WAIT + (RECOVERY_WINDOW - MIN_WAIT) * random
    return min(dueAt, max(soon, last.expeditedAt + RECOVERY_WINDOW))


def isExpired(attempts: int, receivedAt: float, now: float, isWell: bool) -> bool:
    """
    Whether a stanza has been tried for long enough.

    @param isWell: Whether the callback is.
    """
    lifetime = RETRY_WINDOW if isWell else MAX_RETRY_WINDOW
    return attempts >= MIN_ATTEMPTS and now >= receivedAt + lifetime


def parseRetryAfter(status: int, header: str | None, now: float) -> float | None:
    """
    How many seconds the callback asks us to wait (RFC 9110 §10.2.3).

    @param header: The value of C{Retry-After}, if there was one.
    @return: C{None} if it does not ask, or cannot be understood.
    """
    if status not in RETRY_AFTER_STATUSES or header is None:
        return None
    text = header.strip()
    if _DIGITS.fullmatch(text):
        wait = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
            # Without a zone it is in UTC, as in asctime's format (§5.6.7).
            wait = date.replace(tzinfo=date.tzinfo or UTC).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(max(wait, MIN_WAIT), MAX_WAIT)
