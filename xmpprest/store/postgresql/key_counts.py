"""
Counts idempotency keys in memory: a counter in the database would be one row that every
commit changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from ...core.policy.key_quota import fits, keyOwner


class KeyCounts:
    """
    The numbers of stored keys, altogether and by token.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        """@param limit: Returns the maximum number of keys."""
        self.limit = limit
        self.total = 0
        self._byOwner: Counter[str] = Counter()

    def reset(self, counts: Mapping[str, int]) -> None:
        """
        Replace the counts.

        @param counts: The number of keys by the token that they belong to.
        """
        self._byOwner = Counter(counts)
        self.total = self._byOwner.total()

    def reserve(self, key: str) -> bool:
        """Count a new key, and return true; return false if there are too many."""
        owner = keyOwner(key)
        if not fits(self.total, self._byOwner[owner], owner, self.limit()):
            return False
        self.total += 1
        self._byOwner[owner] += 1
        return True

    def release(self, keys: Iterable[str]) -> None:
        """Count keys no more: they were deleted, or stored before."""
        for key in keys:
            owner = keyOwner(key)
            self.total -= 1
            self._byOwner[owner] -= 1
            if self._byOwner[owner] <= 0:
                del self._byOwner[owner]
