"""
The bot's side of subscriptions against a server of the contact, in any order of events.
"""

from __future__ import annotations

from collections import deque

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.core.bots import policy
from xmpprest.core.bots.contact import Contact
from xmpprest.core.bots.policy import ASK, AVAILABLE, POLICIES, Decision
from xmpprest.core.bots.subscription import (
    SUBSCRIPTION_TYPES,
    Half,
    Subscription,
    inbound,
    outbound,
)

#: Stanzas after which each exchange must have ended.
MANY = 500


class SubscriptionMachine(RuleBasedStateMachine):
    """
    A bot and the server of a contact, between them two streams that keep their order.

    @ivar bot: The contact in the bot's roster.
    @ivar user: The state that the contact's server has of the bot.
    @ivar toUser: Types of presence on their way to the contact.
    @ivar toBot: Types of presence on their way to the bot.
    @ivar sees: Whether the contact's server shows the bot as online.
    """

    def __init__(self) -> None:
        super().__init__()
        self.policy = ASK
        self.bot = Contact("juliet@example.org")
        self.user = Subscription()
        self.toUser: deque[str] = deque()
        self.toBot: deque[str] = deque()
        self.sees = False

    # --- the bot ---

    def follow(self, decision: Decision) -> None:
        """Do what was decided."""
        self.bot = decision.contact
        self.toUser.extend(decision.sends)

    @rule(how=st.sampled_from(POLICIES))
    def changePolicy(self, how: str) -> None:
        """A client changes the policy."""
        self.policy = how
        self.follow(policy.onPolicy(self.bot, how))

    @rule()
    def approve(self) -> None:
        """A client approves the contact."""
        self.follow(policy.approve(self.bot))

    @rule()
    def askContact(self) -> None:
        """A client asks for the contact's presence."""
        self.follow(policy.subscribe(self.bot))

    @rule()
    def cancel(self) -> None:
        """A client deletes the contact."""
        self.follow(policy.cancel(self.bot))

    @rule(type=st.sampled_from(("subscribed", "unsubscribed")))
    def decide(self, type: str) -> None:
        """The callback decides, perhaps late."""
        self.follow(policy.decideRequest(self.bot, type))

    @rule()
    def botReceives(self) -> None:
        """A presence reaches the bot."""
        if self.toBot:
            type = self.toBot.popleft()
            decision = policy.onPresence(self.bot, type, self.policy)
            if decision.isHandedOn:
                assert type == "subscribe" and self.policy == ASK
            self.follow(decision)

    # --- the contact and its server ---

    def send(self, type: str) -> None:
        """The contact sends a presence through its server."""
        after, passes = outbound(self.user, type)
        self.user = after
        if passes:
            self.toBot.append(type)

    @rule()
    def userSubscribes(self) -> None:
        """
        The contact asks for the bot's presence. It does so only at rest: which of two
        requests an answer is for, no stanza says (RFC 6121 §3.1).
        """
        if self.user.to is Half.NONE and not (self.toUser or self.toBot):
            self.send("subscribe")

    @rule()
    def userUnsubscribes(self) -> None:
        """The contact gives up the bot's presence."""
        self.sees = False
        self.send("unsubscribe")

    @rule(type=st.sampled_from(("subscribed", "unsubscribed")))
    def userDecides(self, type: str) -> None:
        """The contact decides the bot's request."""
        self.send(type)

    @rule()
    def userReceives(self) -> None:
        """A presence reaches the contact's server."""
        if not self.toUser:
            return
        type = self.toUser.popleft()
        if type in SUBSCRIPTION_TYPES:
            self.user = inbound(self.user, type).state
        elif type == "probe":
            if self.user.from_ is not Half.ACTIVE:
                self.toBot.append("unsubscribed")
        else:
            self.sees = type == AVAILABLE and self.user.to is Half.ACTIVE
        if self.user.to is not Half.ACTIVE:
            self.sees = False

    # --- what holds ---

    def settle(self) -> None:
        """Let everything arrive that is on its way."""
        for _ in range(MANY):
            if not (self.toBot or self.toUser):
                return
            self.botReceives()
            self.userReceives()
        raise AssertionError("the two never come to rest")

    @invariant()
    def agrees(self) -> None:
        """
        Once everything has arrived, and the contact has logged in and the bot has a new
        stream, both sides know the same, and the contact sees the bot.
        """
        before = (
            self.bot,
            self.user,
            deque(self.toBot),
            deque(self.toUser),
            self.sees,
        )
        self.settle()
        if self.user.to is Half.ACTIVE:
            self.toBot.append("probe")
        elif self.user.to is Half.PENDING:
            self.toBot.append("subscribe")
        self.toUser.extend(policy.onStream(self.bot))
        self.settle()
        subscriber = self.bot.subscription.from_
        if subscriber is not Half.PENDING:
            isSubscribed = self.user.to is Half.ACTIVE
            assert isSubscribed == (subscriber is Half.ACTIVE), (self.bot, self.user)
            assert self.sees == isSubscribed
        if self.bot.subscription.to is Half.ACTIVE:
            assert self.user.from_ is Half.ACTIVE
        self.bot, self.user, self.toBot, self.toUser, self.sees = before


class ConversationTests(SynchronousTestCase):
    """
    L{SubscriptionMachine}
    """

    def test_orders(self) -> None:
        """
        In whatever order things happen, both sides come to agree.
        """
        # Without shrinking, which takes minutes; the examples are short enough.
        phases = (Phase.explicit, Phase.reuse, Phase.generate)
        run_state_machine_as_test(SubscriptionMachine, settings=settings(phases=phases))
