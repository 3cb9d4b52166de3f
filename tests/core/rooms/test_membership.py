"""
Tests of L{xmpprest.core.rooms.transitions}: any events in any order, by Hypothesis.

What the machine decides against a room is in L{tests.rooms.test_service}.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import get_args

from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.support.hypothesis_profiles import THOROUGH
from xmpprest.core.errors import ERROR_TYPE_BY_CONDITION, errorTypeOf
from xmpprest.core.rooms import events, tables
from xmpprest.core.rooms.events import Action, Event
from xmpprest.core.rooms.membership import Membership
from xmpprest.core.rooms.phases import STATE, Phase
from xmpprest.core.rooms.transitions import handle
from xmpprest.core.rooms.values import (
    STATES,
    Occupant,
    RoomFault,
    RoomInfo,
    RoomRecord,
    RoomSettings,
)

START = 1_800_000_000.0
NICKS = st.sampled_from(["bot", "bot_", "Ann", "Robot"])
CODES = st.frozensets(
    st.sampled_from([100, 110, 170, 201, 210, 301, 303, 307, 321, 322, 332, 333])
)
FAULTS = st.builds(
    lambda condition: RoomFault(condition, errorTypeOf(condition)),
    st.sampled_from([*ERROR_TYPE_BY_CONDITION, "made-up"]),
)
INFOS = st.builds(RoomInfo, st.booleans(), st.booleans())
SETTINGS = st.builds(RoomSettings, NICKS | st.none(), st.sampled_from([None, "secret"]))
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(events.StreamUp()),
    st.just(events.StreamDown()),
    st.just(events.Granted()),
    st.builds(events.Checked, INFOS),
    st.builds(events.Checked, st.none(), FAULTS),
    st.builds(events.Present, NICKS, st.just(Occupant()), CODES),
    st.builds(
        events.Absent,
        NICKS,
        CODES,
        NICKS | st.none(),
        st.sampled_from([None, "Too loud"]),
        st.sampled_from([None, "Boss"]),
        isDestroyed=st.booleans(),
        alternate=st.sampled_from([None, "elsewhere@x"]),
    ),
    st.builds(events.Refused, FAULTS),
    st.builds(events.Configured, FAULTS | st.none()),
    st.builds(events.Pinged, FAULTS | st.none()),
    st.builds(events.Bounced, FAULTS),
    st.just(events.Due()),
    st.builds(events.Requested, SETTINGS),
    st.just(events.Persisted()),
    st.just(events.Deleted()),
)
#: The phases in which a membership has a turn to join.
TURN = (Phase.CHECKING, Phase.ENTERING, Phase.CONFIGURING)
#: The events that answer requests.
ANSWERS: dict[type[Action], type[Event]] = {
    events.Check: events.Checked,
    events.Configure: events.Configured,
    events.Ping: events.Pinged,
}


def _isOf(kind: type[Event], event: Event) -> bool:
    return isinstance(event, kind)


class MembershipMachine(RuleBasedStateMachine):
    """
    A membership that gets any events, whether they make sense or not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        record = RoomRecord("room@x", "bot@y", "bot@y/z", "bot", create=True)
        self.membership = Membership(
            record, isStored=False, now=self.now, random=lambda: 0.5
        )
        self.hasTurn = self.isForgotten = False
        self.awaited: type[Event] | None = None
        self.timer: float | None = None
        self.sent = 0

    @rule(event=EVENTS, seconds=st.sampled_from([0.0, 1.0, 30.0, 700.0]))
    def handle(self, event: Event, seconds: float) -> None:
        """Something happens."""
        self.now += seconds
        if self.isForgotten:
            return
        if isinstance(event, events.Due):
            self.timer = None
        if type(event) is self.awaited:
            self.awaited = None
        before = self.membership.phase
        actions = handle(self.membership, event, self.now)
        self.apply(actions)
        if before is Phase.REMOVED and self.membership.phase is not before:
            isIn = isinstance(event, events.Present) and tables.SELF in event.statuses
            assert isIn or isinstance(event, events.Requested | events.Deleted)

    def apply(self, actions: Sequence[Action]) -> None:
        """Do what the membership wants."""
        for action in actions:
            if isinstance(action, events.Acquire):
                assert not self.hasTurn
                self.hasTurn = True
            elif isinstance(action, events.Release):
                self.hasTurn, self.awaited = False, None
            elif isinstance(action, events.SetTimer):
                self.timer = action.delay
            elif type(action) in ANSWERS:
                self.awaited = ANSWERS[type(action)]
            elif isinstance(action, events.Forget):
                self.isForgotten = True

    @invariant()
    def turns(self) -> None:
        """A membership has or awaits a turn exactly while it joins."""
        phase = self.membership.phase
        assert self.hasTurn == (phase is Phase.QUEUED or phase in TURN)

    @invariant()
    def progress(self) -> None:
        """Something will happen next, unless there is nothing to do."""
        phase, membership = self.membership.phase, self.membership
        if phase is Phase.WAITING:
            assert membership.nextTryAt is not None
            assert self.timer is not None
            assert 1.0 <= self.timer <= 300.0
        elif phase is Phase.JOINED:
            assert self.timer is not None or self.awaited is events.Pinged
        elif phase is Phase.CHECKING:
            assert self.awaited is events.Checked
        elif phase is Phase.ENTERING:
            assert self.timer is not None
        elif phase in (Phase.REMOVED, Phase.LEFT, Phase.OFFLINE):
            assert self.timer is None
            assert membership.nextTryAt is None

    @invariant()
    def seen(self) -> None:
        """Clients see a state, and occupants only where there may be some."""
        membership = self.membership
        assert STATE[membership.phase] in STATES
        if membership.phase in (Phase.OFFLINE, Phase.QUEUED):
            assert not membership.occupants
        if membership.phase is Phase.REMOVED:
            assert membership.record.isRemoved
            assert membership.condition is not None


class MembershipTests(SynchronousTestCase):
    """
    Any events in any order.
    """

    def test_everyEvent(self) -> None:
        """
        The machine knows every kind of event.
        """
        made = {type(find(EVENTS, partial(_isOf, each))) for each in get_args(Event)}
        self.assertEqual(made, {*get_args(Event)})

    def test_anyOrder(self) -> None:
        """
        A membership keeps its promises, and is never stuck.
        """
        run_state_machine_as_test(
            MembershipMachine,
            settings=settings(
                stateful_step_count=40, max_examples=THOROUGH, deadline=None
            ),
        )
