"""A membership: its data, and the steps that its transitions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..stanza.annotate import timestamp
from . import tables, values
from .events import (
    Absent,
    Acquire,
    Action,
    Announce,
    Answer,
    CatchUp,
    Enter,
    Forget,
    Present,
    Release,
    Save,
    SetTimer,
)
from .phases import ATTEMPT, INSIDE, SINCE, STATE, Phase
from .tables import Meaning
from .values import HistoryRequest, Occupant, RoomFault, RoomRecord

#: A change of a membership, beside those to the states JOINED and REMOVED.
RETURNED = "returned"

#: Seconds that the first history request reaches back: what was said shortly before
#: the first join is not delivered, but is to be recognised when a room repeats it.
SLACK = 60.0


class Membership:
    """
    A membership.

    @ivar record: The part that is stored; replaced, never changed.
    @ivar phase: The phase.
    @ivar since: When the bot came into the room, left it, or was removed, in seconds
        since 1970.
    @ivar nick: The nick in the room; it may differ from that of the record.
    @ivar condition: Why the bot is not in the room, as a word of L{tables}.
    @ivar reason: The words of the room about it; C{None} if it gave none.
    @ivar nextTryAt: The time of the next attempt; C{None} if none is planned.
    @ivar occupants: The occupants by nick, the bot itself included.
    @ivar isStored: Whether the record is in the store.
    @ivar hasArchive: Whether the room has an archive; C{None} while that is unknown.
    @ivar assignsIDs: Whether the room gives ids to its messages, as far as is known.
    @ivar isRepeating: Whether the room still repeats its history (XEP-0045 §7.2.15).
    @ivar isFirst: Whether the bot has entered the room for the first time just now.
    @ivar heardAt: When the room has last sent anything.
    @ivar coveredUntil: The time until which no message was missed, as far as is known;
        0.0 before the bot has been in the room.
    @ivar now: The time of the event that is handled.
    @ivar out: The actions of the event that is handled.
    @ivar enteredAt: When the bot has entered the room last.
    @ivar failures: Attempts that have failed in a row.
    @ivar nicks: Nicks tried in this attempt.
    @ivar isExplicit: Whether a client waits for this attempt.
    @ivar pending: A change of the nick that the room has not confirmed yet.
    @ivar previous: The record to return to if the attempt of a client is refused by
        409.
    """

    __slots__ = (
        "assignsIDs",
        "condition",
        "coveredUntil",
        "enteredAt",
        "failures",
        "hasArchive",
        "heardAt",
        "isExplicit",
        "isFirst",
        "isRepeating",
        "isStored",
        "nextTryAt",
        "nick",
        "nicks",
        "now",
        "occupants",
        "out",
        "pending",
        "phase",
        "previous",
        "random",
        "reason",
        "record",
        "since",
    )

    def __init__(
        self,
        record: RoomRecord,
        *,
        isStored: bool,
        now: float,
        random: Callable[[], float],
        coveredUntil: float = 0.0,
    ) -> None:
        """
        @param isStored: C{False} for a membership that a client has just asked for.
        @param now: Seconds since 1970.
        @param random: Returns numbers of at least 0 and less than 1.
        @param coveredUntil: See the attribute.
        """
        self.record = record
        self.phase = Phase.REMOVED if record.isRemoved else Phase.OFFLINE
        self.since = record.since if record.isRemoved else now
        self.nick = record.nick
        self.condition = record.condition
        self.reason = record.reason
        self.nextTryAt: float | None = None
        self.occupants: dict[str, Occupant] = {}
        self.isStored = isStored
        self.hasArchive: bool | None = None
        self.assignsIDs = False
        self.isRepeating = False
        self.isFirst = False
        self.heardAt = 0.0
        self.coveredUntil = coveredUntil
        self.random = random
        self.now = now
        self.out: list[Action] = []
        self.failures = 0
        self.nicks = 0
        self.enteredAt = 0.0
        self.isExplicit = not isStored
        self.pending: str | None = None
        self.previous: RoomRecord | None = None

    @property
    def state(self) -> str:
        """The state that clients see."""
        return STATE[self.phase]

    @property
    def own(self) -> Occupant | None:
        """The bot itself as an occupant; C{None} while it is not in the room."""
        return self.occupants.get(self.nick) if self.phase is Phase.JOINED else None

    @property
    def askedNicks(self) -> Sequence[str]:
        """The nick that the bot has or asks for, and the one that it changes to."""
        return [self.nick] if self.pending is None else [self.nick, self.pending]

    def withSubject(self, subject: str) -> Sequence[Action]:
        """Remember the subject that was delivered last."""
        self.record = replace(self.record, subject=subject)
        return [Save()] if self.isStored else []

    # --- steps that several transitions share ---

    def go(self, phase: Phase) -> None:
        """Enter a phase; leave behind what belongs to the old one."""
        if phase not in ATTEMPT and self.phase in ATTEMPT:
            self.out.append(Release())
        if self.phase is Phase.JOINED is not phase and not self.isRepeating:
            self.coveredUntil = self.heardAt
        # On the way to a room, attempts and waits alternate.
        if SINCE[phase] != SINCE[self.phase]:
            self.since = self.now
        if phase not in INSIDE:
            self.occupants = {}
            self.isRepeating = False
            self.pending = None
        self.nextTryAt = None
        self.phase = phase

    def attempt(self) -> None:
        """Begin to join: wait for a turn."""
        self.nicks = 0
        self.nick = self.record.nick
        self.out.append(SetTimer(None))
        self.go(Phase.QUEUED)
        self.out.append(Acquire())

    def enter(self) -> None:
        """Send the join presence (XEP-0045 §7.2.1)."""
        self.go(Phase.ENTERING)
        self.isRepeating = True
        self.occupants = {}
        self.out.append(Enter(self.nick, self.history()))
        self.out.append(SetTimer(tables.JOIN_TIMEOUT))

    def history(self) -> HistoryRequest:
        """Return which history to ask for (XEP-0045 §7.2.13)."""
        record = self.record
        if record.history == values.NONE:
            return {"maxstanzas": "0"}
        if record.history != values.MISSED and not record.joinedAt:
            parts = (part.partition("=") for part in record.history.split("&"))
            return {name: value for name, _, value in parts}
        if self.hasArchive:
            return {"maxstanzas": "0"}
        if not record.joinedAt:
            return {"seconds": f"{SLACK:.0f}"}
        covered = max(record.joinedAt, self.coveredUntil)
        return {"since": timestamp(covered - SLACK)}

    def joined(self) -> None:
        """Enter JOINED."""
        isFirst = not self.record.joinedAt or self.record.isRemoved
        self.go(Phase.JOINED)
        self.isFirst = not self.record.joinedAt
        self.enteredAt = self.heardAt = self.now
        self.condition = self.reason = None
        self.record = replace(
            self.record,
            isRemoved=False,
            condition=None,
            reason=None,
            actor=None,
            joinedAt=self.record.joinedAt or self.now,
            since=self.record.since if self.isStored else self.now,
        )
        if isFirst or not self.isStored or self.isExplicit:
            self.save()
        self.isExplicit, self.previous = False, None
        self.out += [
            SetTimer(tables.PING_AFTER),
            Announce(values.JOINED if isFirst else RETURNED),
            CatchUp(),
            Answer(),
        ]

    def save(self) -> None:
        self.isStored = True
        self.out.append(Save())

    def retry(self, word: str, reason: str | None) -> None:
        """Enter WAITING: try again after a backoff."""
        if self.phase is Phase.JOINED:
            isStable = self.now - self.enteredAt >= tables.STABLE_AFTER
            self.failures = 0 if isStable else self.failures
        delay = tables.backoff(self.failures, self.random())
        self.failures += 1
        self.go(Phase.WAITING)
        self.condition, self.reason = word, reason
        self.nextTryAt = self.now + delay
        self.out.append(SetTimer(delay))

    def remove(
        self, word: str, reason: str | None, actor: str | None, *, isAnnounced: bool
    ) -> None:
        """Enter REMOVED: only a client lets the bot try again."""
        self.go(Phase.REMOVED)
        self.condition, self.reason = word, reason
        self.record = replace(
            self.record,
            isRemoved=True,
            since=self.now,
            condition=word,
            reason=reason,
            actor=actor,
        )
        self.out.append(SetTimer(None))
        self.save()
        if isAnnounced:
            self.out.append(Announce(values.REMOVED))

    def forget(self) -> None:
        """Enter LEFT."""
        self.go(Phase.LEFT)
        self.out += [SetTimer(None), Forget()]

    def reject(self, meaning: Meaning, fault: RoomFault | None = None) -> None:
        """End an attempt that the room, or a server in its place, has refused."""
        problem = tables.problemOf(meaning, fault)
        text = None if fault is None else fault.alternate or fault.text
        if not self.isStored:
            self.forget()
        elif meaning.status == 409 and self.previous is not None:
            # The attempt changes nothing.
            wasRemoved = self.previous.isRemoved
            self.record = self.previous
            if wasRemoved:
                self.go(Phase.REMOVED)
                self.condition = self.record.condition
                self.out.append(SetTimer(None))
            else:
                self.retry(meaning.word, text)
        elif meaning.isFinal:
            self.remove(meaning.word, text, None, isAnnounced=not self.isExplicit)
        else:
            self.retry(meaning.word, text)
        self.isExplicit, self.previous = False, None
        self.out.append(Answer(problem))

    def noteOccupant(self, event: Present | Absent) -> None:
        """Keep the list of occupants."""
        if isinstance(event, Present):
            self.occupants[event.nick] = event.occupant
            return
        gone = self.occupants.pop(event.nick, None)
        if gone is not None and event.newNick is not None:
            self.occupants.setdefault(event.newNick, gone)

    def isOwn(self, event: Present | Absent) -> bool:
        """Whether a presence is the bot's own (XEP-0045 §7.2.2)."""
        return tables.SELF in event.statuses or event.nick == self.nick

    def removed(self, event: Absent, word: str) -> None:
        """Enter REMOVED, because the room has removed the bot for good."""
        reason = event.reason
        if event.alternate:
            reason = f"{reason} ({event.alternate})" if reason else event.alternate
        self.remove(word, reason, event.actor, isAnnounced=True)
        self.isExplicit = False
        problem = tables.problemOf(
            tables.REFUSALS["forbidden"]._replace(
                text=f"The room has removed the bot: {word}."
            )
        )
        self.out.append(Answer(problem))
