"""A queue in which senders take turns."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator

from ..core.webhook.conversation_key import senderOf


class FairQueue:
    """
    Keys of conversations. Bare senders take turns, however many conversations each has;
    those of one sender are in the order in which they were added.

    A sender with one conversation is no object that the garbage collector looks at.
    """

    def __init__(self) -> None:
        self._senders: OrderedDict[str, str | deque[str]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, those of each sender together."""
        for keys in self._senders.values():
            if isinstance(keys, str):
                yield keys
            else:
                yield from keys

    def append(self, key: str) -> None:
        """Add the key of a conversation."""
        self._count += 1
        sender = senderOf(key)
        others = self._senders.get(sender)
        if others is None:
            self._senders[sender] = key
        elif isinstance(others, str):
            self._senders[sender] = deque((others, key))
        else:
            others.append(key)

    def popleft(self) -> str:
        """Remove the first key of the sender whose turn it is."""
        self._count -= 1
        sender, keys = self._senders.popitem(last=False)
        if isinstance(keys, str):
            return keys
        first = keys.popleft()
        if keys:
            self._senders[sender] = keys
        return first

    def clear(self) -> None:
        """Remove all keys."""
        self._senders.clear()
        self._count = 0
