"""
Subscription states (RFC 6121 appendix A), as a server keeps them for a user.

The nine states of appendix A are the pairs of two halves, and each type of presence
concerns one half only: so four rows in each direction say the same as its eight tables.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import Enum
from typing import NamedTuple


class Half(Enum):
    """
    One direction of a subscription.

    @cvar NONE: There is no subscription.
    @cvar PENDING: It is requested, and neither approved nor denied.
    @cvar ACTIVE: It is approved.
    """

    NONE = "none"
    PENDING = "pending"
    ACTIVE = "active"


class Subscription(NamedTuple):
    """
    The state of a contact.

    @ivar to: The bot's subscription to the contact's presence.
    @ivar from_: The contact's subscription to the bot's presence.
    """

    to: Half = Half.NONE
    from_: Half = Half.NONE

    @classmethod
    def of(cls, name: str, pending: Collection[str]) -> Subscription:
        """Return the state with this L{name} and these L{pending} requests."""
        to = Half.ACTIVE if name in ("to", "both") else Half.NONE
        from_ = Half.ACTIVE if name in ("from", "both") else Half.NONE
        if "out" in pending:
            to = Half.PENDING
        if "in" in pending:
            from_ = Half.PENDING
        return cls(to, from_)

    @property
    def name(self) -> str:
        """The state without its pending requests, as in a roster (§2.1.2.5)."""
        return _NAMES[self.to is Half.ACTIVE, self.from_ is Half.ACTIVE]

    @property
    def pending(self) -> tuple[str, ...]:
        """The directions of pending requests: C{in}, C{out}, both or none."""
        halves = (("in", self.from_), ("out", self.to))
        return tuple(name for name, half in halves if half is Half.PENDING)


_NAMES = {
    (False, False): "none",
    (True, False): "to",
    (False, True): "from",
    (True, True): "both",
}

#: No subscription, and no request for one.
NO_SUBSCRIPTION = Subscription()


class Transition(NamedTuple):
    """
    The effect of a presence on a subscription, in the server's role.

    @ivar state: The state afterwards.
    @ivar passes: Whether the server passes the presence on, to the user or to the
        contact.
    """

    state: Subscription
    passes: bool


class _Row(NamedTuple):
    """
    The effect of one type of presence.

    @ivar half: The half of the state that it concerns.
    @ivar next: The states of that half which change, each with its next state.
    @ivar alwaysPasses: Whether it passes also if nothing changes.
    """

    half: str
    next: Mapping[Half, Half]
    alwaysPasses: bool = False


_ENDS = {Half.PENDING: Half.NONE, Half.ACTIVE: Half.NONE}

#: Appendix A.2: what the user sends.
_OUTBOUND = {
    "subscribe": _Row("to", {Half.NONE: Half.PENDING}, alwaysPasses=True),
    "unsubscribe": _Row("to", _ENDS, alwaysPasses=True),
    "subscribed": _Row("from_", {Half.PENDING: Half.ACTIVE}),
    "unsubscribed": _Row("from_", _ENDS),
}
#: Appendix A.3: what the contact sends.
_INBOUND = {
    "subscribe": _Row("from_", {Half.NONE: Half.PENDING}),
    "unsubscribe": _Row("from_", _ENDS),
    "subscribed": _Row("to", {Half.PENDING: Half.ACTIVE}),
    "unsubscribed": _Row("to", _ENDS),
}

#: The types of presence that change subscriptions.
SUBSCRIPTION_TYPES = frozenset(_INBOUND)


def outbound(state: Subscription, type: str) -> Transition:
    """
    Return what a presence of the user leads to (appendix A.2).

    @param type: Of L{SUBSCRIPTION_TYPES}.
    """
    return _transition(state, _OUTBOUND[type])


def inbound(state: Subscription, type: str) -> Transition:
    """
    Return what a presence of the contact leads to (appendix A.3).

    @param type: Of L{SUBSCRIPTION_TYPES}.
    """
    return _transition(state, _INBOUND[type])


def _transition(state: Subscription, row: _Row) -> Transition:
    after = row.next.get(getattr(state, row.half))
    if after is None:
        return Transition(state, row.alwaysPasses)
    return Transition(state._replace(**{row.half: after}), True)
