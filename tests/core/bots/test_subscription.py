"""Tests for L{xmpprest.core.bots.subscription}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots.subscription import (
    NO_SUBSCRIPTION,
    Half,
    Subscription,
    inbound,
    outbound,
)

#: The nine states, by their names in RFC 6121, appendix A.1.
STATES = {
    "None": Subscription(Half.NONE, Half.NONE),
    "None + Pending Out": Subscription(Half.PENDING, Half.NONE),
    "None + Pending In": Subscription(Half.NONE, Half.PENDING),
    "None + Pending Out+In": Subscription(Half.PENDING, Half.PENDING),
    "To": Subscription(Half.ACTIVE, Half.NONE),
    "To + Pending In": Subscription(Half.ACTIVE, Half.PENDING),
    "From": Subscription(Half.NONE, Half.ACTIVE),
    "From + Pending Out": Subscription(Half.PENDING, Half.ACTIVE),
    "Both": Subscription(Half.ACTIVE, Half.ACTIVE),
}

#: The tables of appendix A: for each state whether the stanza is routed or delivered,
#: and the new state, if it is another.
OUTBOUND = {
    "subscribe": {
        "None": (True, "None + Pending Out"),
        "None + Pending Out": (True, None),
        "None + Pending In": (True, "None + Pending Out+In"),
        "None + Pending Out+In": (True, None),
        "To": (True, None),
        "To + Pending In": (True, None),
        "From": (True, "From + Pending Out"),
        "From + Pending Out": (True, None),
        "Both": (True, None),
    },
    "unsubscribe": {
        "None": (True, None),
        "None + Pending Out": (True, "None"),
        "None + Pending In": (True, None),
        "None + Pending Out+In": (True, "None + Pending In"),
        "To": (True, "None"),
        "To + Pending In": (True, "None + Pending In"),
        "From": (True, None),
        "From + Pending Out": (True, "From"),
        "Both": (True, "From"),
    },
    "subscribed": {
        "None": (False, None),
        "None + Pending Out": (False, None),
        "None + Pending In": (True, "From"),
        "None + Pending Out+In": (True, "From + Pending Out"),
        "To": (False, None),
        "To + Pending In": (True, "Both"),
        "From": (False, None),
        "From + Pending Out": (False, None),
        "Both": (False, None),
    },
    "unsubscribed": {
        "None": (False, None),
        "None + Pending Out": (False, None),
        "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"),
        "To": (False, None),
        "To + Pending In": (True, "To"),
        "From": (True, "None"),
        "From + Pending Out": (True, "None + Pending Out"),
        "Both": (True, "To"),
    },
}
INBOUND = {
    "subscribe": {
        "None": (True, "None + Pending In"),
        "None + Pending Out": (True, "None + Pending Out+In"),
        "None + Pending In": (False, None),
        "None + Pending Out+In": (False, None),
        "To": (True, "To + Pending In"),
        "To + Pending In": (False, None),
        "From": (False, None),
        "From + Pending Out": (False, None),
        "Both": (False, None),
    },
    "unsubscribe": {
        "None": (False, None),
        "None + Pending Out": (False, None),
        "None + Pending In": (True, "None"),
        "None + Pending Out+In": (True, "None + Pending Out"),
        "To": (False, None),
        "To + Pending In": (True, "To"),
        "From": (True, "None"),
        "From + Pending Out": (True, "None + Pending Out"),
        "Both": (True, "To"),
    },
    "subscribed": {
        "None": (False, None),
        "None + Pending Out": (True, "To"),
        "None + Pending In": (False, None),
        "None + Pending Out+In": (True, "To + Pending In"),
        "To": (False, None),
        "To + Pending In": (False, None),
        "From": (False, None),
        "From + Pending Out": (True, "Both"),
        "Both": (False, None),
    },
    "unsubscribed": {
        "None": (False, None),
        "None + Pending Out": (True, "None"),
        "None + Pending In": (False, None),
        "None + Pending Out+In": (True, "None + Pending In"),
        "To": (True, "None"),
        "To + Pending In": (True, "None + Pending In"),
        "From": (False, None),
        "From + Pending Out": (True, "From"),
        "Both": (True, "From"),
    },
}


class TableTests(SynchronousTestCase):
    """
    The tables of RFC 6121, appendix A.2 and A.3, row by row.
    """

    def test_tables(self) -> None:
        """
        Each type of presence in each state leads to the state that the RFC says, and is
        passed on where the RFC says so.
        """
        for function, tables in ((outbound, OUTBOUND), (inbound, INBOUND)):
            for type, rows in tables.items():
                self.assertEqual(rows.keys(), STATES.keys())
                for name, (passes, after) in rows.items():
                    with self.subTest(direction=function.__name__, type=type, at=name):
                        self.assertEqual(
                            function(STATES[name], type),
                            (STATES[after or name], passes),
                        )


class NameTests(SynchronousTestCase):
    """
    The names of the states.
    """

    def test_names(self) -> None:
        """
        Each state has the name and the pending requests of a roster, and can be made of
        them again.
        """
        for name, state in STATES.items():
            first, _, rest = name.lower().partition(" + pending ")
            self.assertEqual(state.name, first)
            self.assertEqual({*state.pending}, {*filter(None, rest.split("+"))})
            self.assertEqual(Subscription.of(state.name, state.pending), state)
        self.assertEqual(STATES["None"], NO_SUBSCRIPTION)
