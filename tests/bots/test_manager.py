"""Tests for L{xmpprest.bots.manager}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from xmpprest.bots import manager, roster
from xmpprest.core.errors import Refusal
from xmpprest.core.records import StoreUnavailable

from ..support.bots import BOT, USER, HeldBots, HeldBotStore


class ManagerTests(SynchronousTestCase):
    """
    L{manager.BotManager}
    """

    def setUp(self) -> None:
        self.bots = HeldBots()
        self.manager = self.bots.manager

    def assertRefused(self, result: Deferred[Any], status: int) -> None:
        """Assert that a call was refused."""
        problem = self.failureResultOf(result, Refusal).value.problem
        self.assertEqual(problem.status, status, problem.text)

    def approve(self, *, subscribes: bool = False, name: str | None = None) -> Any:
        """Approve the user."""
        return self.manager.approve(BOT, USER, name, subscribes=subscribes)

    def test_unknown(self) -> None:
        """
        A bot or a contact that does not exist is 404.
        """
        self.assertRefused(self.manager.delete(BOT), 404)
        self.assertRefused(self.approve(), 404)
        self.assertRefused(self.manager.cancel(BOT, USER), 404)
        self.bots.put()
        self.assertRefused(self.manager.cancel(BOT, USER), 404)

    def test_notLoaded(self) -> None:
        """
        While the bots are being loaded clients wait, up to a limit.
        """
        store = HeldBotStore()
        store.isFull = True
        bots = HeldBots(store)
        calls = (
            lambda: bots.manager.put(BOT, {}),
            lambda: Deferred.fromCoroutine(bots.manager.list()),
            lambda: Deferred.fromCoroutine(bots.manager.get(BOT)),
        )
        waiting: list[Deferred[Any]] = [call() for call in calls]
        bots.clock.pump([1] * int(manager.LOAD_TIMEOUT))
        for each in waiting:
            self.assertRefused(each, 503)
        waiting = [call() for call in calls]
        store.isFull = False
        bots.clock.advance(1)
        for each in waiting:
            self.successResultOf(each)

    def test_order(self) -> None:
        """
        Bots are listed in the order of their addresses.
        """
        for jid in ("b@gateway.example", "a@gateway.example"):
            self.bots.put(jid)
        self.assertEqual(
            [
                each.jid
                for each in self.successResultOf(
                    Deferred.fromCoroutine(self.manager.list())
                )
            ],
            ["a@gateway.example", "b@gateway.example"],
        )

    def test_fullStore(self) -> None:
        """A change that cannot be stored has no effect."""
        self.bots.put()
        self.bots.store.isFull = True
        self.failureResultOf(self.manager.put(BOT, {"name": "x"}), StoreUnavailable)
        self.assertEqual(self.bots.entry().presentation.bot.name, "weather")
        self.failureResultOf(self.manager.delete(BOT), StoreUnavailable)
        self.failureResultOf(self.approve(), StoreUnavailable)
        self.assertEqual(self.bots.stream.taken(), [])

    def test_tooMany(self) -> None:
        """The number of bots is limited; existing ones can be changed at the limit."""
        self.patch(manager, "MAX_BOTS", 1)
        self.bots.put()
        self.assertRefused(self.manager.put("other@gateway.example", {}), 503)
        self.bots.put(name="changed")

    def test_tooManyContacts(self) -> None:
        """The number of contacts is limited."""
        self.bots.put()
        self.patch(roster, "MAX_CONTACTS", 0)
        self.assertRefused(self.approve(), 503)

    def test_badProfile(self) -> None:
        """
        A profile that is not possible is refused, and there is no bot.
        """
        self.assertRefused(self.manager.put(BOT, {"show": "x"}), 422)
        self.assertEqual(len(self.bots.service.roster), 0)

    def test_approve(self) -> None:
        """
        A pending request is answered; in advance, nothing is sent, and the request is
        accepted when it comes.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        contact = self.successResultOf(self.approve(name="Romeo"))
        self.assertEqual((contact.name, contact.subscription.name), ("Romeo", "from"))
        self.assertEqual(
            self.bots.stream.kinds(), [f"subscribed {USER}", f"available {USER}"]
        )
        other = "juliet@example.net"
        self.manager.approve(BOT, other, None, subscribes=False)
        self.assertEqual(self.bots.stream.kinds(), [])
        self.assertFalse(self.bots.presence("subscribe", other))
        self.assertEqual(
            self.bots.stream.kinds(), [f"subscribed {other}", f"available {other}"]
        )

    def test_subscribe(self) -> None:
        """
        The bot asks for the contact's presence; the name stays if none is given.
        """
        self.bots.put()
        self.approve(name="Romeo")
        contact = self.successResultOf(self.approve(subscribes=True))
        self.assertEqual(contact.name, "Romeo")
        self.assertEqual(contact.subscription.pending, ("out",))
        self.assertEqual(self.bots.stream.kinds(), [f"subscribe {USER}"])

    def test_cancel(self) -> None:
        """
        Both directions end, and the contact is forgotten.
        """
        self.bots.put()
        self.bots.presence("subscribe")
        self.approve(subscribes=True)
        self.bots.stream.taken()
        self.successResultOf(self.manager.cancel(BOT, USER))
        self.assertEqual(
            self.bots.stream.kinds(),
            [f"unavailable {USER}", f"unsubscribed {USER}", f"unsubscribe {USER}"],
        )
        self.assertEqual((self.bots.contact(), self.bots.stored()), (None, {}))

    def test_delete(self) -> None:
        """
        A bot is deleted with its contacts, which see it go; its address is like any
        other then.
        """
        self.bots.put()
        self.bots.presence("subscribe")
        self.bots.stream.taken()
        self.successResultOf(self.manager.delete(BOT))
        self.assertEqual(
            self.bots.stream.kinds(), [f"unavailable {USER}", f"unsubscribed {USER}"]
        )
        self.assertEqual(self.bots.stored(), {})
        self.assertTrue(self.bots.presence("subscribe"))
        self.assertEqual(+self.bots.service.roster.states, {})

    def test_deleteWhileStoring(self) -> None:
        """
        A contact that is not stored yet does not survive its bot.
        """
        self.bots.put()
        self.bots.store.isHeld = True
        for name in (USER, "juliet@example.net"):
            self.bots.presence("subscribe", name)
        self.bots.store.isHeld = False
        self.successResultOf(self.manager.delete(BOT))
        self.bots.store.refuse()
        self.bots.clock.advance(5)
        self.assertEqual(self.bots.stored(), {})

    def test_offline(self) -> None:
        """
        Without a stream, changes that a contact must hear of are refused; others are
        made.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        self.bots.stream.ready = False
        self.assertRefused(self.approve(), 503)
        self.assertRefused(self.manager.cancel(BOT, USER), 503)
        self.assertRefused(self.manager.delete(BOT), 503)
        self.assertEqual(self.bots.stored(), {USER: "none in"})
        self.successResultOf(
            self.manager.approve(BOT, "x@example.net", None, subscribes=False)
        )
        self.successResultOf(self.manager.put(BOT, {"status": "new"}))

    def test_clientGone(self) -> None:
        """
        A change that has begun is completed without its client.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        self.bots.store.isHeld = True
        approving = self.approve()
        approving.cancel()
        self.failureResultOf(approving, CancelledError)
        self.bots.store.release()
        self.assertEqual(
            self.bots.stream.kinds(), [f"subscribed {USER}", f"available {USER}"]
        )
