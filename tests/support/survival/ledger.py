"""
Records of promised and seen messages in one direction: clients' responses and
recipients'
stanzas, or senders' receipts and the callback's requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Label(NamedTuple):
    """
    The label in the text of a message; no two messages have the same.

    @ivar conversation: Within one, messages are sent one after the other.
    @ivar number: The place of the message in the conversation.
    """

    conversation: str
    number: int

    def __str__(self) -> str:
        return f"{self.conversation}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Label:
        """
        Read what C{str} has written.

        @raise ValueError: It has not.
        """
        conversation, _, number = text.rpartition(".")
        return cls(conversation, int(number))


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A message has arrived, or a request has come to the callback.

    @ivar id: By which the recipient can tell doubles.
    @ivar epoch: How often something had been killed before.
    """

    label: Label
    id: str
    epoch: int


class Ledger:
    """
    Promised and seen messages.

    @ivar promised: The id that was given away with the promise, by label; empty if
        none was.
    @ivar seen: In the order of arrival.
    @ivar returned: The ids of those that an error came back for.
    @ivar epoch: How often something has been killed.
    """

    def __init__(self) -> None:
        self.promised: dict[Label, str] = {}
        self.seen: list[Seen] = []
        self.returned: set[str] = set()
        self.epoch = 0
        self._open: set[Label] = set()
        self._labels: set[Label] = set()

    @property
    def missing(self) -> list[Label]:
        """Return the promised messages that have neither been seen nor come back."""
        return sorted(
            label for label in self._open if self.promised[label] not in self.returned
        )

    def promise(self, label: Label, id: str = "") -> None:
        """Record that a message was accepted."""
        self.promised[label] = id
        if label not in self._labels:
            self._open.add(label)

    def see(self, label: Label, id: str) -> None:
        """A message has come to where it was to go."""
        self.seen.append(Seen(label, id, self.epoch))
        self._labels.add(label)
        self._open.discard(label)
