"""Tests for L{xmpprest.core.bots.policy}."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots import policy
from xmpprest.core.bots.contact import Contact
from xmpprest.core.bots.policy import ACCEPT, ASK, AVAILABLE, REFUSE, UNAVAILABLE
from xmpprest.core.bots.subscription import Half, Subscription

NONE, PENDING, ACTIVE = Half.NONE, Half.PENDING, Half.ACTIVE
JID = "juliet@example.org"


def contact(
    to: Half = NONE, from_: Half = NONE, *, isApproved: bool = False
) -> Contact:
    """Return a contact in a state."""
    return Contact(JID, Subscription(to, from_), isApproved, "Juliet")


#: What an inbound presence leads to, by its type, the policy, the contact's half of the
#: state and its approval: that half afterwards, the stanzas sent, whether it is handed
#: on.
FROM_CONTACT = {
    ("subscribe", ACCEPT, NONE, False): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", ACCEPT, PENDING, False): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", ACCEPT, ACTIVE, False): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", ASK, NONE, False): (PENDING, (), True),
    ("subscribe", ASK, PENDING, False): (PENDING, (), False),
    ("subscribe", ASK, ACTIVE, False): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", ASK, NONE, True): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", REFUSE, NONE, False): (NONE, ("unsubscribed",), False),
    ("subscribe", REFUSE, PENDING, False): (NONE, ("unsubscribed",), False),
    ("subscribe", REFUSE, ACTIVE, False): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("subscribe", REFUSE, NONE, True): (ACTIVE, ("subscribed", AVAILABLE), False),
    ("unsubscribe", ACCEPT, NONE, False): (NONE, (), False),
    ("unsubscribe", ASK, PENDING, False): (NONE, (), False),
    ("unsubscribe", ASK, ACTIVE, False): (NONE, (UNAVAILABLE,), False),
    ("unsubscribe", ASK, ACTIVE, True): (NONE, (UNAVAILABLE,), False),
    ("probe", ACCEPT, NONE, False): (ACTIVE, (AVAILABLE,), False),
    ("probe", ASK, NONE, False): (NONE, ("unsubscribed",), False),
    ("probe", ASK, NONE, True): (ACTIVE, (AVAILABLE,), False),
    ("probe", REFUSE, NONE, False): (NONE, ("unsubscribed",), False),
    ("probe", ASK, PENDING, False): (PENDING, (), False),
    ("probe", REFUSE, ACTIVE, False): (ACTIVE, (AVAILABLE,), False),
}


class InboundTests(SynchronousTestCase):
    """
    L{policy.onPresence}
    """

    def test_fromContact(self) -> None:
        """
        Each presence about the contact's subscription has the effect of its row, and
        leaves the bot's own subscription alone.
        """
        for (type, how, half, isApproved), expected in FROM_CONTACT.items():
            for to in Half:
                with self.subTest(type=type, policy=how, half=half, to=to):
                    before = contact(to, half, isApproved=isApproved)
                    after, sends, isHandedOn = policy.onPresence(before, type, how)
                    self.assertEqual(after.subscription.to, to)
                    self.assertEqual(after.isApproved, isApproved)
                    self.assertEqual(
                        (after.subscription.from_, sends, isHandedOn), expected
                    )

    def test_toContact(self) -> None:
        """
        The responses to the bot's own requests change its half only, and nothing is
        sent or handed on.
        """
        for type, half, expected in (
            ("subscribed", NONE, NONE),
            ("subscribed", PENDING, ACTIVE),
            ("subscribed", ACTIVE, ACTIVE),
            ("unsubscribed", NONE, NONE),
            ("unsubscribed", PENDING, NONE),
            ("unsubscribed", ACTIVE, NONE),
        ):
            for from_ in Half:
                for how in policy.POLICIES:
                    decision = policy.onPresence(contact(half, from_), type, how)
                    self.assertEqual(decision, (contact(expected, from_), (), False))


class RequestTests(SynchronousTestCase):
    """
    Requests of clients, decisions of callbacks, streams.
    """

    def test_approve(self) -> None:
        """
        Approval answers a pending request; it is remembered in any case.
        """
        for half, expected, sends in (
            (NONE, NONE, ()),
            (PENDING, ACTIVE, ("subscribed", AVAILABLE)),
            (ACTIVE, ACTIVE, ()),
        ):
            decision = policy.approve(contact(NONE, half))
            self.assertEqual(decision.contact, contact(NONE, expected, isApproved=True))
            self.assertEqual(decision.sends, sends)

    def test_subscribe(self) -> None:
        """
        A request is sent, again while it is pending, and not to a contact that has
        approved it.
        """
        for half, expected, sends in (
            (NONE, PENDING, ("subscribe",)),
            (PENDING, PENDING, ("subscribe",)),
            (ACTIVE, ACTIVE, ()),
        ):
            decision = policy.subscribe(contact(half, ACTIVE))
            self.assertEqual(decision, (contact(expected, ACTIVE), sends, False))

    def test_cancel(self) -> None:
        """
        Cancelling ends both directions, tells the contact what it must know, and leaves
        nothing to store.
        """
        for to, from_, sends in (
            (NONE, NONE, ()),
            (PENDING, NONE, ("unsubscribe",)),
            (NONE, PENDING, ("unsubscribed",)),
            (NONE, ACTIVE, (UNAVAILABLE, "unsubscribed")),
            (ACTIVE, ACTIVE, (UNAVAILABLE, "unsubscribed", "unsubscribe")),
        ):
            decision = policy.cancel(contact(to, from_, isApproved=True))
            self.assertEqual(decision.sends, sends)
            self.assertFalse(decision.contact.isStored)

    def test_decideRequest(self) -> None:
        """
        A callback's decision counts while the request is pending, and not after.
        """
        for type, half, expected, sends in (
            ("subscribed", PENDING, ACTIVE, ("subscribed", AVAILABLE)),
            ("unsubscribed", PENDING, NONE, ("unsubscribed",)),
            ("subscribed", NONE, NONE, ()),
            ("unsubscribed", ACTIVE, ACTIVE, ()),
        ):
            decision = policy.decideRequest(contact(ACTIVE, half), type)
            self.assertEqual(decision, (contact(ACTIVE, expected), sends, False))

    def test_onPolicy(self) -> None:
        """
        A new policy decides the requests that are pending; C{ask} leaves them.
        """
        for how, expected in ((ACCEPT, ACTIVE), (ASK, PENDING), (REFUSE, NONE)):
            after = policy.onPolicy(contact(NONE, PENDING), how).contact
            self.assertEqual(after, contact(NONE, expected))
            for half in (NONE, ACTIVE):
                left = contact(NONE, half)
                self.assertEqual(policy.onPolicy(left, how), (left, (), False))

    def test_onSent(self) -> None:
        """
        The state follows presence that a client sends by itself; a contact that is
        approved so gets the bot's presence, too.
        """
        for type, before, after, sends in (
            ("subscribed", (NONE, PENDING), (NONE, ACTIVE), (AVAILABLE,)),
            ("subscribed", (NONE, ACTIVE), (NONE, ACTIVE), ()),
            ("unsubscribed", (ACTIVE, ACTIVE), (ACTIVE, NONE), ()),
            ("subscribe", (NONE, NONE), (PENDING, NONE), ()),
            ("unsubscribe", (ACTIVE, ACTIVE), (NONE, ACTIVE), ()),
        ):
            decision = policy.onSent(contact(*before), type)
            self.assertEqual(decision, (contact(*after), sends, False))

    def test_onStream(self) -> None:
        """
        On a new stream subscribers get the presence, and the bot asks again for what
        it wants to know.
        """
        for to, from_, sends in (
            (NONE, NONE, ()),
            (NONE, PENDING, ()),
            (NONE, ACTIVE, (AVAILABLE,)),
            (ACTIVE, NONE, ("probe",)),
            (ACTIVE, ACTIVE, (AVAILABLE, "probe")),
            (PENDING, ACTIVE, (AVAILABLE, "subscribe")),
        ):
            self.assertEqual(policy.onStream(contact(to, from_)), sends)

    def test_isStored(self) -> None:
        """
        A contact is stored while it has a subscription, a request or an approval.
        """
        self.assertFalse(contact().isStored)
        self.assertTrue(contact(isApproved=True).isStored)
        self.assertTrue(contact(PENDING).isStored)
        self.assertTrue(replace(contact(NONE, PENDING), name="").isStored)
