"""
Finds what was lost, came twice, or came in the wrong order. It knows nothing but what
clients, recipients and the callback have seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from .ledger import Label, Ledger, Seen

_Answer = TypeVar("_Answer")

#: So many messages may come twice for each kill: those that are on the wire,
#: unconfirmed.
WINDOW = 512


@dataclass(frozen=True)
class Findings:
    """
    Faults in the arrivals, and the number of messages.

    @ivar promised: How many messages were promised.
    @ivar arrived: How many came, duplicates not counted.
    @ivar doubled: How many came again, each time counted.
    @ivar mostDoubled: How many at most between one kill and the next.
    @ivar lost: Promised, and neither seen nor returned to its sender.
    @ivar returned: How many were returned, and not seen.
    @ivar renamed: Seen with more than one id, or with another than was promised.
    @ivar inverted: Seen for the first time when a later one of the same conversation
        had already been.
    @ivar excessive: More duplicates than the window has places, by the kill before.
        Those of the kill before that may come as late.
    """

    promised: int = 0
    arrived: int = 0
    doubled: int = 0
    mostDoubled: int = 0
    returned: int = 0
    lost: list[Label] = field(default_factory=list)
    renamed: list[Label] = field(default_factory=list)
    inverted: list[Label] = field(default_factory=list)
    excessive: dict[int, int] = field(default_factory=dict)

    @property
    def wrong(self) -> str:
        """The faults in words; empty if there are none."""
        found: dict[str, Sequence[object]] = {
            "lost": self.lost,
            "with several ids": self.renamed,
            "out of order": self.inverted,
            "times more doubles than the window allows": list(self.excessive.items()),
        }
        return "; ".join(
            f"{len(each)} {name} ({', '.join(map(str, each[:5]))})"
            for name, each in found.items()
            if each
        )


def check(ledger: Ledger, window: int = WINDOW) -> Findings:
    """
    Compare what was promised with what was seen.

    @param window: How many doubles may come after each kill.
    """
    firsts = _firsts(ledger.seen)
    doubles = _doubles(ledger.seen)
    missing = ledger.missing
    return Findings(
        promised=len(ledger.promised),
        arrived=len(firsts),
        doubled=doubles.total(),
        mostDoubled=max(doubles.values(), default=0),
        returned=len(ledger.promised.keys() - firsts.keys()) - len(missing),
        lost=missing,
        renamed=_renamed(ledger),
        inverted=_inverted(firsts),
        excessive=_excessive(doubles, window),
    )


def contradictions(answers: Mapping[Label, Iterable[_Answer]]) -> list[Label]:
    """
    The messages for which clients that asked several times got several answers.
    """
    return sorted(label for label, each in answers.items() if len(set(each)) > 1)


def _firsts(seen: Iterable[Seen]) -> dict[Label, Seen]:
    """The first sight of each message, in the order of their arrival."""
    firsts: dict[Label, Seen] = {}
    for each in seen:
        firsts.setdefault(each.label, each)
    return firsts


def _doubles(seen: Iterable[Seen]) -> Counter[int]:
    """How many messages came again after each kill."""
    known: set[Label] = set()
    doubles: Counter[int] = Counter()
    for each in seen:
        if each.label in known:
            doubles[each.epoch] += 1
        known.add(each.label)
    return doubles


def _excessive(doubles: Counter[int], window: int) -> dict[int, int]:
    """Where there are more than the window has places, and the one before had left."""
    excessive, left = {}, 0
    for epoch in range(max(doubles, default=0) + 1):
        room = window + left
        if doubles[epoch] > room:
            excessive[epoch] = doubles[epoch]
        left = max(0, min(window, room - doubles[epoch])) if epoch else 0
    return excessive


def _renamed(ledger: Ledger) -> list[Label]:
    ids: dict[Label, set[str]] = {}
    for each in ledger.seen:
        ids.setdefault(each.label, set()).add(each.id)
    for label, names in ids.items():
        if promised := ledger.promised.get(label):
            names.add(promised)
    return sorted(label for label, names in ids.items() if len(names) > 1)


def _inverted(firsts: Iterable[Label]) -> list[Label]:
    newest: dict[str, int] = {}
    inverted = []
    for label in firsts:
        if label.number < newest.get(label.conversation, -1):
            inverted.append(label)
        else:
            newest[label.conversation] = label.number
    return inverted
