"""Limits what one contact can make a bot send and store."""

from __future__ import annotations

#: Seconds of one period, and stanzas in it for one contact: a user with ten devices
#: that all log in at once sends half as many.
PERIOD = 10.0
LIMIT = 20
#: Contacts that are counted in one period; above, the counts begin anew.
MAX_CONTACTS = 10_000


class AnswerLimiter:
    """
    Counts the answers to each contact, in fixed periods.

    @ivar refused: The number of stanzas that were not answered.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._until = 0.0
        self.refused = 0

    def admit(self, contact: str, now: float) -> bool:
        """
        Count an answer.

        @param contact: The bare address.
        @param now: Seconds; steps of the system clock must not change it.
        @return: Whether it may be given.
        """
        if now >= self._until or len(self._counts) >= MAX_CONTACTS:
            self._counts.clear()
            self._until = now + PERIOD
        count = self._counts.get(contact, 0)
        if count >= LIMIT:
            self.refused += 1
            return False
        self._counts[contact] = count + 1
        return True
