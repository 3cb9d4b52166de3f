"""Limits automatic replies, so that two bots do not answer each other forever."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

#: Seconds in which a sender gets a limited number of replies; also the silence after
#: which it gets replies again.
SHORT = 10.0
#: The longer interval, and how many times as many replies it allows.
LONG = 3600.0
LONG_FACTOR = 20
#: Seconds that one slot of the longer interval covers.
_SLOT = 60.0
#: Number of pairs of sender and recipient that are remembered. The pair that was silent
#: for longest is forgotten first.
MAX_PAIRS = 10_000


@dataclass(slots=True)
class _Pair:
    """
    The replies to one sender from one recipient.

    @ivar lastAt: Time of the last reply, sent or dropped.
    @ivar silence: Seconds of silence that end the block; 0 if there is none.
    @ivar recent: Times of the replies in the short interval.
    @ivar slots: Start and number of replies of each slot of the long interval.
    """

    lastAt: float
    silence: float = 0.0
    recent: deque[float] = field(default_factory=deque)
    slots: deque[list[float]] = field(default_factory=deque)


class ReplyLimiter:
    """
    Counts automatic replies for each full sender and recipient.

    @ivar dropped: Number of replies that were dropped.
    """

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[str, str], _Pair] = OrderedDict()
        self.dropped = 0

    def admit(
        self, sender: str, recipient: str, limit: int, now: float
    ) -> tuple[bool, bool]:
        """
        Count a reply.

        @param sender: Full address that gets the reply.
        @param recipient: Address that it comes from.
        @param limit: Number of replies in L{SHORT} seconds; in L{LONG} seconds it is
            L{LONG_FACTOR} times as many.
        @param now: In seconds; steps of the system clock must not change it.
        @return: Whether the reply may be sent; and whether it is the first one that is
            dropped.
        """
        key = (sender, recipient)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = _Pair(now)
            if len(self._pairs) > MAX_PAIRS:
                self._pairs.popitem(last=False)
        self._pairs.move_to_end(key)
        if pair.silence and now - pair.lastAt >= pair.silence:
            pair.silence = 0.0
            pair.recent.clear()
            if pair.slots and now - pair.slots[-1][0] >= LONG:
                pair.slots.clear()
        pair.lastAt = now
        if not pair.silence:
            pair.silence = _exceeded(pair, limit, now)
            if not pair.silence:
                _count(pair, now)
                return True, False
            self.dropped += 1
            return False, True
        self.dropped += 1
        return False, False


def _exceeded(pair: _Pair, limit: int, now: float) -> float:
    """Return the silence that another reply makes necessary; 0 if it is allowed."""
    while pair.recent and now - pair.recent[0] >= SHORT:
        pair.recent.popleft()
    while pair.slots and now - pair.slots[0][0] >= LONG:
        pair.slots.popleft()
    if sum(count for _, count in pair.slots) >= limit * LONG_FACTOR:
        return LONG
    return SHORT if len(pair.recent) >= limit else 0.0


def _count(pair: _Pair, now: float) -> None:
    pair.recent.append(now)
    if not pair.slots or now - pair.slots[-1][0] >= _SLOT:
        pair.slots.append([now, 0])
    pair.slots[-1][1] += 1
