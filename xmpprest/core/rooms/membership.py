"""The state machine of one membership: events in, actions out (XEP-0045, XEP-0410)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any, TypeAlias

from ..stanza.annotate import timestamp
from . import tables, values
from .events import (
    Absent,
    Acquire,
    Action,
    Announce,
    Answer,
    Bounced,
    CatchUp,
    Check,
    Checked,
    Configure,
    Configured,
    Deleted,
    Depart,
    Due,
    Enter,
    Event,
    Forget,
    Granted,
    Persisted,
    Ping,
    Pinged,
    Present,
    Refused,
    Release,
    Requested,
    Save,
    SetTimer,
    StreamDown,
    StreamUp,
)
from .tables import Meaning
from .values import HistoryRequest, Occupant, RoomFault, RoomRecord, RoomSettings


class Phase(Enum):
    """
    The phases of a membership, which the docstring of this package describes.
    """

    OFFLINE = "offline"
    QUEUED = "queued"
    CHECKING = "checking"
    ENTERING = "entering"
    CONFIGURING = "configuring"
    JOINED = "joined"
    WAITING = "waiting"
    REMOVED = "removed"
    LEFT = "left"


#: The state that clients see in each phase.
STATE = {
    Phase.OFFLINE: values.WAITING,
    Phase.QUEUED: values.JOINING,
    Phase.CHECKING: values.JOINING,
    Phase.ENTERING: values.JOINING,
    Phase.CONFIGURING: values.JOINING,
    Phase.JOINED: values.JOINED,
    Phase.WAITING: values.WAITING,
    Phase.REMOVED: values.REMOVED,
    Phase.LEFT: values.REMOVED,
}
#: The state that began at the time C{since}.
_SINCE = {
    phase: values.WAITING if state == values.JOINING else state
    for phase, state in STATE.items()
}
#: The phases of an attempt to join, in which the membership has a turn or waits for it.
_ATTEMPT = frozenset({Phase.QUEUED, Phase.CHECKING, Phase.ENTERING, Phase.CONFIGURING})
#: The phases in which the room may take the bot for an occupant.
_INSIDE = frozenset({Phase.ENTERING, Phase.CONFIGURING, Phase.JOINED})
#: The phases in which no timer and no turn is needed to go on.
_IDLE = frozenset({Phase.OFFLINE, Phase.WAITING, Phase.REMOVED})

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
    @ivar isRepeating: Whether the room still repeats its history (XEP-0045 §7.2.15).
    @ivar isFirst: Whether the bot has entered the room for the first time just now.
    @ivar heardAt: When the room has last sent anything.
    @ivar coveredUntil: The time until which no message was missed, as far as is known;
        0.0 before the bot has been in the room.
    """

    __slots__ = (
        "_attempts",
        "_enteredAt",
        "_failures",
        "_isExplicit",
        "_nicks",
        "_now",
        "_out",
        "_pending",
        "_previous",
        "_random",
        "_stepped",
        "condition",
        "coveredUntil",
        "hasArchive",
        "heardAt",
        "isFirst",
        "isRepeating",
        "isStored",
        "nextTryAt",
        "nick",
        "occupants",
        "phase",
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
        self.isRepeating = False
        self.isFirst = False
        self.heardAt = 0.0
        self.coveredUntil = coveredUntil
        self._random = random
        self._now = now
        self._out: list[Action] = []
        #: Attempts that have failed in a row.
        self._failures = 0
        #: Nicks tried in this attempt.
        self._nicks = 0
        self._enteredAt = 0.0
        #: Whether a client waits for this attempt.
        self._isExplicit = not isStored
        #: A change of the nick that the room has not confirmed yet.
        self._pending: str | None = None
        #: The record to return to if the attempt of a client is refused by 409.
        self._previous: RoomRecord | None = None

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
        return [self.nick] if self._pending is None else [self.nick, self._pending]

    def handle(self, event: Event, now: float) -> Sequence[Action]:
        """
        Handle an event.

        @param now: Seconds since 1970.
        @return: The actions to carry out, in this order.
        """
        self._now, self._out = now, []
        handler = _TABLE.get((self.phase, type(event)))
        if isinstance(event, Present | Absent):
            self.heardAt = now
            if self.phase in _INSIDE or handler is not None:
                self._noteOccupant(event)
        if handler is not None:
            handler(self, event)
        out, self._out = self._out, []
        return out

    def withSubject(self, subject: str) -> Sequence[Action]:
        """Remember the subject that was delivered last."""
        self.record = replace(self.record, subject=subject)
        return [Save()] if self.isStored else []

    # --- steps that several transitions share ---

    def _go(self, phase: Phase) -> None:
        """Enter a phase; leave behind what belongs to the old one."""
        if phase not in _ATTEMPT and self.phase in _ATTEMPT:
            self._out.append(Release())
        if self.phase is Phase.JOINED is not phase and not self.isRepeating:
            self.coveredUntil = self.heardAt
        # On the way to a room, attempts and waits alternate.
        if _SINCE[phase] != _SINCE[self.phase]:
            self.since = self._now
        if phase not in _INSIDE:
            self.occupants = {}
            self.isRepeating = False
            self._pending = None
        self.nextTryAt = None
        self.phase = phase

    def _attempt(self) -> None:
        """Begin to join: wait for a turn."""
        self._nicks = 0
        self.nick = self.record.nick
        self._out.append(SetTimer(None))
        self._go(Phase.QUEUED)
        self._out.append(Acquire())

    def _enter(self) -> None:
        """Send the join presence (XEP-0045 §7.2.1)."""
        self._go(Phase.ENTERING)
        self.isRepeating = True
        self.occupants = {}
        self._out.append(Enter(self.nick, self._history()))
        self._out.append(SetTimer(tables.JOIN_TIMEOUT))

    def _history(self) -> HistoryRequest:
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

    def _joined(self) -> None:
        """Enter JOINED."""
        isFirst = not self.record.joinedAt or self.record.isRemoved
        self._go(Phase.JOINED)
        self.isFirst = not self.record.joinedAt
        self._enteredAt = self.heardAt = self._now
        self.condition = self.reason = None
        self.record = replace(
            self.record,
            isRemoved=False,
            condition=None,
            reason=None,
            actor=None,
            joinedAt=self.record.joinedAt or self._now,
            since=self.record.since if self.isStored else self._now,
        )
        if isFirst or not self.isStored or self._isExplicit:
            self._save()
        self._isExplicit, self._previous = False, None
        self._out += [
            SetTimer(tables.PING_AFTER),
            Announce(values.JOINED if isFirst else RETURNED),
            CatchUp(),
            Answer(),
        ]

    def _save(self) -> None:
        self.isStored = True
        self._out.append(Save())

    def _retry(self, word: str, reason: str | None) -> None:
        """Enter WAITING: try again after a backoff."""
        if self.phase is Phase.JOINED:
            isStable = self._now - self._enteredAt >= tables.STABLE_AFTER
            self._failures = 0 if isStable else self._failures
        delay = tables.backoff(self._failures, self._random())
        self._failures += 1
        self._go(Phase.WAITING)
        self.condition, self.reason = word, reason
        self.nextTryAt = self._now + delay
        self._out.append(SetTimer(delay))

    def _remove(
        self, word: str, reason: str | None, actor: str | None, *, isAnnounced: bool
    ) -> None:
        """Enter REMOVED: only a client lets the bot try again."""
        self._go(Phase.REMOVED)
        self.condition, self.reason = word, reason
        self.record = replace(
            self.record,
            isRemoved=True,
            since=self._now,
            condition=word,
            reason=reason,
            actor=actor,
        )
        self._out.append(SetTimer(None))
        self._save()
        if isAnnounced:
            self._out.append(Announce(values.REMOVED))

    def _forget(self) -> None:
        """Enter LEFT."""
        self._go(Phase.LEFT)
        self._out += [SetTimer(None), Forget()]

    def _reject(self, meaning: Meaning, fault: RoomFault | None = None) -> None:
        """End an attempt that the room, or a server in its place, has refused."""
        problem = tables.problemOf(meaning, fault)
        text = None if fault is None else fault.alternate or fault.text
        if not self.isStored:
            self._forget()
        elif meaning.status == 409 and self._previous is not None:
            # The attempt changes nothing.
            wasRemoved = self._previous.isRemoved
            self.record = self._previous
            if wasRemoved:
                self._go(Phase.REMOVED)
                self.condition = self.record.condition
                self._out.append(SetTimer(None))
            else:
                self._retry(meaning.word, text)
        elif meaning.isFinal:
            self._remove(meaning.word, text, None, isAnnounced=not self._isExplicit)
        else:
            self._retry(meaning.word, text)
        self._isExplicit, self._previous = False, None
        self._out.append(Answer(problem))

    def _noteOccupant(self, event: Present | Absent) -> None:
        """Keep the list of occupants."""
        if isinstance(event, Present):
            self.occupants[event.nick] = event.occupant
            return
        gone = self.occupants.pop(event.nick, None)
        if gone is not None and event.newNick is not None:
            self.occupants.setdefault(event.newNick, gone)

    def _isOwn(self, event: Present | Absent) -> bool:
        """Whether a presence is the bot's own (XEP-0045 §7.2.2)."""
        return tables.SELF in event.statuses or event.nick == self.nick

    # --- transitions ---

    def _streamUp(self, event: StreamUp) -> None:
        self._failures = 0
        self._attempt()

    def _streamDown(self, event: StreamDown) -> None:
        self._go(Phase.OFFLINE)
        self.condition, self.reason = "offline", None
        self._out.append(SetTimer(None))

    def _granted(self, event: Granted) -> None:
        self._go(Phase.CHECKING)
        self._out.append(Check())

    def _checked(self, event: Checked) -> None:
        """XEP-0045 §6.4: is it a room, and has it an archive?"""
        info, fault = event.info, event.fault
        if info is not None:
            self.hasArchive = info.hasArchive
            if info.isRoom:
                self._enter()
            else:
                self._reject(tables.OTHER_ENTITY)
            return
        assert fault is not None
        if fault.condition in tables.UNREACHABLE:
            self._retry("no-answer", fault.text)
        elif fault.condition == "item-not-found" and self.record.create:
            self._enter()
        elif fault.condition in tables.MISSING:
            self._reject(tables.MISSING[fault.condition], fault)
        else:
            self._enter()

    def _presentOnEntry(self, event: Present) -> None:
        """XEP-0045 §7.2.2: the bot's own presence ends the list of occupants."""
        if not self._isOwn(event):
            return
        self._takeNick(event.nick)
        if tables.CREATED not in event.statuses:
            self._joined()
        elif self.record.create:  # §10.1.2
            self._go(Phase.CONFIGURING)
            self._out.append(Configure())
        else:
            self._out.append(Depart(self.nick))
            self._reject(tables.NO_ROOM)

    def _presentLate(self, event: Present) -> None:
        """The room answers a join that was given up."""
        if tables.SELF in event.statuses and tables.CREATED not in event.statuses:
            self._takeNick(event.nick)
            self._joined()

    def _takeNick(self, nick: str) -> None:
        """The room may give another nick than was asked for (210)."""
        if nick != self.nick:
            self.nick = nick

    def _refusedOnEntry(self, event: Refused) -> None:
        """XEP-0045 §7.2.3 to §7.2.10."""
        fault = event.fault
        isConflict = fault.condition == "conflict"
        if isConflict and not self._isExplicit and self._nicks < tables.MAX_NICKS - 1:
            self._nicks += 1
            self.nick = self.record.nick + "_" * self._nicks
            self._enter()
        elif fault.condition in tables.UNREACHABLE:
            self._retry("no-answer", fault.text)
        else:
            self._reject(tables.meaningOf(fault), fault)

    def _timedOut(self, event: Due) -> None:
        """The room has not answered the join presence."""
        self._retry("no-answer", None)

    def _absentOnEntry(self, event: Absent) -> None:
        """The room removes the bot, or its ghost of an earlier stream."""
        if self._isOwn(event):
            isFinal, word = tables.removalOf(event)
            if isFinal:
                self._removed(event, word)

    def _configured(self, event: Configured) -> None:
        """XEP-0045 §10.1.2: the room is unlocked."""
        if event.fault is None:
            self.hasArchive = None
            self._joined()
        else:
            self._out.append(Depart(self.nick))
            self._reject(tables.meaningOf(event.fault), event.fault)

    def _presentInside(self, event: Present) -> None:
        if not self._isOwn(event):
            return
        self._takeNick(event.nick)
        if self._pending == event.nick:
            self._nickChanged(event.nick)

    def _nickChanged(self, nick: str) -> None:
        """XEP-0045 §7.6: the room has confirmed the nick that a client has chosen."""
        self._pending = None
        self.record = replace(self.record, nick=nick)
        self._save()
        self._out.append(Answer())

    def _absentInside(self, event: Absent) -> None:
        if not self._isOwn(event):
            self._retakeNick(event.nick)
            return
        if tables.NICK_CHANGED in event.statuses and event.newNick:  # §7.6
            self.nick = event.newNick
            if self._pending == event.newNick:
                self._nickChanged(event.newNick)
            return
        isFinal, word = tables.removalOf(event)
        if isFinal:
            self._removed(event, word)
        else:
            self._retry(word, event.reason)

    def _removed(self, event: Absent, word: str) -> None:
        reason = event.reason
        if event.alternate:
            reason = f"{reason} ({event.alternate})" if reason else event.alternate
        self._remove(word, reason, event.actor, isAnnounced=True)
        self._isExplicit = False
        problem = tables.problemOf(
            tables.REFUSALS["forbidden"]._replace(
                text=f"The room has removed the bot: {word}."
            )
        )
        self._out.append(Answer(problem))

    def _retakeNick(self, freed: str) -> None:
        """Take the configured nick back when another occupant has given it up."""
        if freed == self.record.nick != self.nick and self._pending is None:
            self._out.append(Enter(freed, None))

    def _refusedInside(self, event: Refused) -> None:
        """The room refuses a change of the nick; the bot stays under the old one."""
        if self._pending is not None:
            self._pending = None
            meaning = tables.meaningOf(event.fault)
            self._out.append(Answer(tables.problemOf(meaning, event.fault)))

    def _bounced(self, event: Bounced) -> None:
        """XEP-0045 §7.4: only occupants may speak; the room has dropped the bot."""
        if event.fault.condition == "not-acceptable":
            self._retry("dropped", event.fault.text)

    def _pingDue(self, event: Due) -> None:
        """XEP-0410 §3: ping after some time without traffic."""
        silence = self._now - self.heardAt
        if silence >= tables.PING_AFTER:
            self._out.append(Ping(self.nick))
        else:
            self._out.append(SetTimer(tables.PING_AFTER - silence))

    def _pinged(self, event: Pinged) -> None:
        """XEP-0410 §3.1 to §3.3."""
        condition = None if event.fault is None else event.fault.condition
        if condition is None or condition in tables.PROVES_JOINED:
            self._failures = 0
            self.heardAt = self._now
            self._out.append(SetTimer(tables.PING_AFTER))
        elif condition in tables.PROVES_NOTHING:
            self._out.append(SetTimer(tables.PING_AGAIN))
        else:
            self._retry("dropped", None)

    def _retryDue(self, event: Due) -> None:
        self._attempt()

    def _requestedInside(self, event: Requested) -> None:
        """Change the nick (XEP-0045 §7.6), and the settings for later joins."""
        nick = event.settings.nick
        self._adopt(replace(event.settings, nick=None))
        self._save()
        if nick is None or nick == self.nick:
            if nick is not None:
                self.record = replace(self.record, nick=nick)
            self._out.append(Answer())
        else:
            self._pending = nick
            self._out.append(Enter(nick, None))

    def _requestedOutside(self, event: Requested) -> None:
        """Try again now, with the settings of the client."""
        self._previous = self.record
        self._adopt(event.settings)
        self._isExplicit = True
        self._failures = 0
        if self.phase is Phase.OFFLINE:
            self._save()
        else:
            self._attempt()

    def _requestedMeanwhile(self, event: Requested) -> None:
        """Begin the attempt under way again, with the settings of the client."""
        self._previous = self._previous or (self.record if self.isStored else None)
        self._adopt(event.settings)
        self._isExplicit = True
        if self.phase in _INSIDE:
            self._nicks = 0
            self.nick = self.record.nick
            self._enter()
        else:
            self.nick = self.record.nick

    def _adopt(self, settings: RoomSettings) -> None:
        """Put the settings of a client into the record."""
        given = {
            name: getattr(settings, name)
            for name in ("nick", "password", "history", "create")
            if getattr(settings, name) is not None
        }
        self.record = replace(self.record, invitedBy=None, **given)

    def _persisted(self, event: Persisted) -> None:
        """Keep a membership, although the room has not answered yet."""
        self._isExplicit, self._previous = False, None
        self._save()

    def _deletedInside(self, event: Deleted) -> None:
        """Leave the room, and forget the membership (XEP-0045 §7.14)."""
        self._out.append(Depart(self.nick))
        self._forget()

    def _deletedOutside(self, event: Deleted) -> None:
        self._forget()


_Handler: TypeAlias = Callable[[Membership, Any], None]  # the event of its row


def _each(
    phases: frozenset[Phase], event: type[Event], handler: _Handler
) -> Mapping[tuple[Phase, type[Event]], _Handler]:
    return {(phase, event): handler for phase in phases}


#: The transitions. An event without an entry changes nothing in that phase.
_TABLE: Mapping[tuple[Phase, type[Event]], _Handler] = {
    (Phase.OFFLINE, StreamUp): Membership._streamUp,
    **_each(
        _ATTEMPT | {Phase.JOINED, Phase.WAITING}, StreamDown, Membership._streamDown
    ),
    (Phase.QUEUED, Granted): Membership._granted,
    (Phase.CHECKING, Checked): Membership._checked,
    (Phase.ENTERING, Present): Membership._presentOnEntry,
    (Phase.ENTERING, Refused): Membership._refusedOnEntry,
    (Phase.ENTERING, Absent): Membership._absentOnEntry,
    (Phase.ENTERING, Due): Membership._timedOut,
    (Phase.CONFIGURING, Configured): Membership._configured,
    (Phase.CONFIGURING, Absent): Membership._absentOnEntry,
    (Phase.CONFIGURING, Due): Membership._timedOut,
    (Phase.JOINED, Present): Membership._presentInside,
    (Phase.JOINED, Absent): Membership._absentInside,
    (Phase.JOINED, Refused): Membership._refusedInside,
    (Phase.JOINED, Bounced): Membership._bounced,
    (Phase.JOINED, Due): Membership._pingDue,
    (Phase.JOINED, Pinged): Membership._pinged,
    (Phase.WAITING, Due): Membership._retryDue,
    (Phase.WAITING, Present): Membership._presentLate,
    (Phase.JOINED, Requested): Membership._requestedInside,
    **_each(_IDLE, Requested, Membership._requestedOutside),
    **_each(_ATTEMPT, Requested, Membership._requestedMeanwhile),
    **_each(frozenset(Phase) - {Phase.LEFT}, Persisted, Membership._persisted),
    **_each(_INSIDE, Deleted, Membership._deletedInside),
    **_each(_IDLE | _ATTEMPT - _INSIDE, Deleted, Membership._deletedOutside),
}
