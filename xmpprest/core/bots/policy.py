"""Decides what presence from contacts, and requests of clients, lead to."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from .contact import Contact
from .subscription import Half, Subscription, inbound, outbound

#: The values of C{subscriptions}: what happens to requests of contacts.
ACCEPT, ASK, REFUSE = "accept", "ask", "refuse"
POLICIES = (ACCEPT, ASK, REFUSE)

#: The bot's presence, in a L{Decision}.
AVAILABLE, UNAVAILABLE = "available", "unavailable"


class Decision(NamedTuple):
    """
    The result of a presence or a request.

    @ivar contact: The contact afterwards.
    @ivar sends: The types of the presence stanzas to send to the contact, in this
        order; L{AVAILABLE} stands for the bot's presence.
    @ivar isHandedOn: Whether the callback gets the stanza.
    """

    contact: Contact
    sends: tuple[str, ...] = ()
    isHandedOn: bool = False


def onPresence(contact: Contact, type: str, policy: str) -> Decision:
    """
    Decide about an inbound subscription presence or probe.

    @param type: C{subscribe}, C{subscribed}, C{unsubscribe}, C{unsubscribed} or
        C{probe}.
    @param policy: The bot's setting, of L{POLICIES}.
    """
    isWelcome = contact.isApproved or policy == ACCEPT
    if type == "subscribe":
        return _onSubscribe(contact, policy, isWelcome=isWelcome)
    if type == "probe":
        return _onProbe(contact, isWelcome=isWelcome)
    after = _changed(contact, inbound(contact.subscription, type).state)
    if type == "unsubscribe" and contact.subscription.from_ is Half.ACTIVE:
        return Decision(after, (UNAVAILABLE,))  # §3.3.3
    return Decision(after)


def _onSubscribe(contact: Contact, policy: str, *, isWelcome: bool) -> Decision:
    """Decide about a request (§3.1.3)."""
    state = contact.subscription
    if isWelcome or state.from_ is Half.ACTIVE:
        # A repeated request of a subscriber is answered, too: its server has lost it.
        return _approved(contact)
    if policy == REFUSE:
        denied = _changed(contact, outbound(state, "unsubscribed").state)
        return Decision(denied, ("unsubscribed",))
    asked = inbound(state, "subscribe")
    return Decision(_changed(contact, asked.state), (), asked.passes)


def _onProbe(contact: Contact, *, isWelcome: bool) -> Decision:
    """
    Decide about a probe (§4.3.2). The server of a stranger believes that the stranger
    is subscribed: where everyone may be, this becomes true again.
    """
    half = contact.subscription.from_
    if half is Half.ACTIVE:
        return Decision(contact, (AVAILABLE,))
    if isWelcome:
        active = contact.subscription._replace(from_=Half.ACTIVE)
        return Decision(_changed(contact, active), (AVAILABLE,))
    if half is Half.PENDING:
        # A denial would withdraw the request that waits for a decision.
        return Decision(contact)
    return Decision(contact, ("unsubscribed",))


def approve(contact: Contact) -> Decision:
    """Approve a contact, now or before it asks (§3.1.5, §3.4)."""
    approved = replace(contact, isApproved=True)
    if contact.subscription.from_ is Half.PENDING:
        return _approved(approved)
    return Decision(approved)


def subscribe(contact: Contact) -> Decision:
    """Ask for a contact's presence, again if it has not responded (§3.1.2)."""
    if contact.subscription.to is Half.ACTIVE:
        return Decision(contact)
    asked = outbound(contact.subscription, "subscribe")
    return Decision(_changed(contact, asked.state), ("subscribe",))


def cancel(contact: Contact) -> Decision:
    """Cancel both directions, and the approval (§3.2.2, §3.3.2)."""
    state, sends = contact.subscription, []
    if state.from_ is Half.ACTIVE:
        sends.append(UNAVAILABLE)
    if state.from_ is not Half.NONE:
        sends.append("unsubscribed")
    if state.to is not Half.NONE:
        sends.append("unsubscribe")
    return Decision(
        replace(contact, subscription=Subscription(), isApproved=False), tuple(sends)
    )


def decideRequest(contact: Contact, type: str) -> Decision:
    """
    Decide a pending request as a callback has decided. Without one, as after the
    contact has withdrawn it, nothing happens.

    @param type: C{subscribed} or C{unsubscribed}.
    """
    if contact.subscription.from_ is not Half.PENDING:
        return Decision(contact)
    if type == "subscribed":
        return _approved(contact)
    state = outbound(contact.subscription, type).state
    return Decision(_changed(contact, state), (type,))


def onPolicy(contact: Contact, policy: str) -> Decision:
    """Decide a pending request by a policy that has changed."""
    answer = {ACCEPT: "subscribed", REFUSE: "unsubscribed"}.get(policy)
    return Decision(contact) if answer is None else decideRequest(contact, answer)


def onSent(contact: Contact, type: str) -> Decision:
    """
    Decide about a subscription presence that a client has sent for the bot by itself.

    @return: The state follows it; a contact that the client has just approved gets the
        bot's presence.
    """
    state = outbound(contact.subscription, type).state
    after = _changed(contact, state)
    isNew = state.from_ is Half.ACTIVE and contact.subscription.from_ is Half.PENDING
    return Decision(after, (AVAILABLE,) if isNew else ())


def onStream(contact: Contact) -> tuple[str, ...]:
    """
    Return the types of presence that a contact gets on each new stream: the bot's
    presence, a probe (§4.3.1), and a request without a response again (§3.1.2).
    """
    to, from_ = contact.subscription
    sends = (AVAILABLE,) if from_ is Half.ACTIVE else ()
    return (*sends, *_ON_STREAM.get(to, ()))


_ON_STREAM = {Half.ACTIVE: ("probe",), Half.PENDING: ("subscribe",)}


def _approved(contact: Contact) -> Decision:
    active = contact.subscription._replace(from_=Half.ACTIVE)
    return Decision(_changed(contact, active), ("subscribed", AVAILABLE))


def _changed(contact: Contact, state: Subscription) -> Contact:
    if state == contact.subscription:
        return contact
    return replace(contact, subscription=state)
