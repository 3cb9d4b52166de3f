"""The shares of a capacity that several tokens use."""

from __future__ import annotations


class Shares:
    """
    Counts what each token holds of a capacity, so that none occupies all of it: a token
    may hold as much as is still free, and so at most half (reliability.rst, I{Limits}).
    """

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def acquire(self, token: str, free: int) -> bool:
        """
        Count one more for a token, unless it would then hold more than is free.

        @param token: The name of the token; empty for credentials, which are exempt.
        @param free: How much is free, the one that is asked for included.
        @return: Whether it was counted; if so, L{release} must follow.
        """
        if not token:
            return True
        held = self._held.get(token, 0)
        if held >= free:
            return False
        self._held[token] = held + 1
        return True

    def release(self, token: str) -> None:
        """Count one less for a token."""
        if not token:
            return
        held = self._held[token] - 1
        if held:
            self._held[token] = held
        else:
            del self._held[token]
