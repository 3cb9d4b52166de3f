"""Tests for L{xmpprest.bots.service} and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from xmpprest.bots import broadcaster
from xmpprest.bots.service import MAX_HELD, STOP_TIMEOUT
from xmpprest.core.bots.answer_limit import LIMIT, PERIOD
from xmpprest.core.bots.contact import MAX_RESOURCES, Resource
from xmpprest.core.stanza.build import elements

from ..support.bots import BOT, USER, HeldBots, HeldBotStore
from ..support.doubles import said, stanza

VCARD = (
    f"<iq type='get' id='v' from='{USER}/a' to='{BOT}'><vCard xmlns='vcard-temp'/></iq>"
)


@implementer(ILogObserver)
class Logged:
    """Collects the sentences that bots log while it is entered."""

    def __enter__(self) -> list[str]:
        self._lines: list[str] = []
        globalLogPublisher.addObserver(self)
        return self._lines

    def __exit__(self, *_: object) -> None:
        globalLogPublisher.removeObserver(self)

    def __call__(self, event: LogEvent) -> None:
        """Collect an event."""
        if event.get("log_namespace", "").startswith("xmpprest.bots"):
            self._lines += said([event])


class BotTestCase(SynchronousTestCase):
    """
    A test that has bots.
    """

    def setUp(self) -> None:
        self.bots = HeldBots()
        self.stream = self.bots.stream


class SubscriptionTests(BotTestCase):
    """
    Requests of contacts for the presence of a bot.
    """

    def test_accept(self) -> None:
        """
        A request is stored, then approved, and the contact gets the bot's presence.
        """
        self.bots.put()
        self.bots.store.isHeld = True
        self.assertFalse(self.bots.presence("subscribe"))
        self.assertEqual(self.stream.kinds(), [])
        self.bots.store.release()
        approval, presence = map(stanza, self.stream.taken())
        self.assertEqual(
            (approval["type"], approval["from"], approval["to"]),
            ("subscribed", BOT, USER),
        )
        self.assertEqual((presence["from"], presence["to"]), (f"{BOT}/xmpprest", USER))
        self.assertEqual(self.bots.stored(), {USER: "from"})

    def test_spelling(self) -> None:
        """
        The addresses of a bot and of a contact count in their normal form.
        """
        self.bots.put()
        self.bots.presence(
            "subscribe", "RoMeo@Example.net", "Weather@GATEWAY.example/x"
        )
        self.assertEqual(self.bots.stored(), {USER: "from"})

    def test_others(self) -> None:
        """
        Presence and queries for addresses without a record, and messages, are left to
        the callbacks.
        """
        self.assertTrue(self.bots.presence("subscribe"))
        self.bots.put()
        for type in ("subscribe", "probe", "", "unavailable"):
            self.assertTrue(self.bots.presence(type, to="other@gateway.example"))
        message = f"<message from='{USER}' to='{BOT}'><body>hi</body></message>"
        self.assertIsNotNone(self.bots.receive(message))
        self.assertIsNotNone(self.bots.receive(f"<presence to='{BOT}'/>"))
        self.assertEqual(self.stream.taken(), [])

    def test_refuse(self) -> None:
        """
        A refused request leaves nothing in the store.
        """
        self.bots.put(subscriptions="refuse")
        self.bots.presence("subscribe")
        self.assertEqual(self.stream.kinds(), [f"unsubscribed {USER}"])
        self.assertEqual((self.bots.stored(), self.bots.store.saved), ({}, []))

    def test_ask(self) -> None:
        """
        The callback gets the first request, not a repeated one.
        """
        self.bots.put(subscriptions="ask")
        self.assertTrue(self.bots.presence("subscribe"))
        self.assertFalse(self.bots.presence("subscribe"))
        self.assertEqual(self.stream.taken(), [])
        self.assertEqual(self.bots.stored(), {USER: "none in"})
        self.assertEqual(len(self.bots.store.saved), 1)

    def test_unsubscribe(self) -> None:
        """
        A contact that leaves sees the bot go offline, and is forgotten.
        """
        self.bots.put()
        self.bots.presence("subscribe")
        self.stream.taken()
        self.bots.presence("unsubscribe")
        self.assertEqual(self.stream.kinds(), [f"unavailable {USER}"])
        self.assertEqual(self.bots.stored(), {})
        self.assertEqual(+self.bots.service.roster.states, {})

    def test_flood(self) -> None:
        """
        A contact that subscribes a thousand times is answered a few times and stored
        once; in the next period it is answered again.
        """
        self.bots.put()
        for _ in range(1000):
            self.bots.presence("subscribe")
        self.assertEqual(len(self.stream.taken()), 2 * LIMIT)
        self.assertEqual(len(self.bots.store.saved), 1)
        self.bots.clock.advance(PERIOD)
        self.bots.presence("subscribe")
        self.assertEqual(len(self.stream.taken()), 2)

    def test_alternating(self) -> None:
        """
        A contact that comes and goes a thousand times is stored no more often than it
        is answered, and its last word counts.
        """
        self.bots.put()
        for _ in range(1000):
            self.bots.presence("subscribe")
            self.bots.presence("unsubscribe")
        self.assertLessEqual(len(self.bots.store.saved), 2 * LIMIT)
        self.assertEqual(self.bots.stored(), {})

    def test_slowStore(self) -> None:
        """
        While a commit runs, the changes of others gather for the next one.
        """
        self.bots.put()
        self.bots.store.isHeld = True
        for number in range(1000):
            self.bots.presence("subscribe", f"{number}@example.net")
        self.bots.store.release()
        self.assertEqual([len(each) for each in self.bots.store.saved], [1, 500, 499])
        self.assertEqual(len(self.stream.taken()), 2000)

    def test_fullStore(self) -> None:
        """
        A contact that cannot be stored is answered once it can be; the log says so
        once.
        """
        self.bots.put()
        self.bots.store.isFull = True
        with Logged() as logged:
            self.bots.presence("subscribe")
            self.bots.clock.advance(1)
            self.bots.presence("subscribe", "juliet@example.net")
            self.bots.clock.advance(1)
            self.bots.presence("unsubscribe")
            self.assertEqual(self.stream.taken(), [])
            self.bots.store.isFull = False
            self.bots.clock.advance(1)
        self.assertEqual(len(logged), 2)
        self.assertEqual(
            self.stream.kinds(),
            [
                f"subscribed {USER}",
                f"available {USER}",
                f"unavailable {USER}",
                "subscribed juliet@example.net",
                "available juliet@example.net",
            ],
        )
        self.assertEqual(self.bots.stored(), {"juliet@example.net": "from"})

    def test_tooMany(self) -> None:
        """
        A contact beyond the limit, or beyond its domain's share, gets an error, and
        known ones are served.
        """
        self.patch(
            __import__("xmpprest.bots.roster", fromlist=["x"]), "MAX_CONTACTS", 4
        )
        self.bots.put()
        for number in range(4):
            self.bots.presence("subscribe", f"{number}@example.net")
        self.bots.presence("subscribe", "0@example.net")
        self.bots.presence("subscribe", "0@example.com")
        self.bots.presence("subscribe", "1@example.com")
        self.assertEqual(
            [each for each in self.stream.kinds() if "available" not in each],
            [
                "subscribed 0@example.net",
                "subscribed 1@example.net",
                "error 2@example.net",
                "error 3@example.net",
                "subscribed 0@example.net",
                "subscribed 0@example.com",
                "error 1@example.com",
            ],
        )


class ProbeTests(BotTestCase):
    """
    Probes of contacts.
    """

    def test_subscriber(self) -> None:
        """
        The bot's presence answers the probe of a subscriber, at the address that it
        came from.
        """
        self.bots.put(status="Ask me")
        self.bots.presence("subscribe")
        self.stream.taken()
        self.assertFalse(self.bots.presence("probe", f"{USER}/phone"))
        (answer,) = map(stanza, self.stream.taken())
        self.assertEqual(answer["to"], f"{USER}/phone")
        self.assertEqual(str(elements(answer)[0]), "Ask me")
        self.assertEqual(self.bots.service.handler.probes, 1)

    def test_stranger(self) -> None:
        """
        A stranger learns that there is no subscription; where everyone is accepted, it
        becomes a subscriber.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("probe", f"{USER}/phone")
        self.assertEqual(self.stream.kinds(), [f"unsubscribed {USER}"])
        self.bots.put(subscriptions="accept")
        self.bots.presence("probe", f"{USER}/phone")
        self.assertEqual(self.stream.kinds(), [f"available {USER}/phone"])
        self.assertEqual(self.bots.stored(), {USER: "from"})


class QueryTests(BotTestCase):
    """
    Queries about a bot.
    """

    def test_answered(self) -> None:
        """
        The gateway answers disco#info and vCard, to any resource of the bot.
        """
        self.bots.put()
        info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
        for to in (BOT, f"{BOT}/xmpprest", f"{BOT}/other"):
            for query in (info, "<vCard xmlns='vcard-temp'/>"):
                xml = f"<iq type='get' id='q' from='{USER}/a' to='{to}'>{query}</iq>"
                self.assertIsNone(self.bots.receive(xml))
                (answer,) = map(stanza, self.stream.taken())
                self.assertEqual((answer["type"], answer["from"]), ("result", to))

    def test_left(self) -> None:
        """
        Other queries, and replies, are left to the callbacks.
        """
        self.bots.put()
        for type, payload in (
            ("get", "<query xmlns='jabber:iq:version'/>"),
            ("set", "<vCard xmlns='vcard-temp'/>"),
            ("result", "<vCard xmlns='vcard-temp'/>"),
        ):
            xml = f"<iq type='{type}' id='q' from='{USER}/a' to='{BOT}'>{payload}</iq>"
            self.assertIsNotNone(self.bots.receive(xml))

    def test_flood(self) -> None:
        """
        Too many queries of one user are answered by an error, each.
        """
        self.bots.put()
        for _ in range(LIMIT + 3):
            self.bots.receive(VCARD)
        types = [stanza(xml)["type"] for xml in self.stream.taken()]
        self.assertEqual(types, ["result"] * LIMIT + ["error"] * 3)

    def test_lost(self) -> None:
        """
        An answer that the stream does not take is dropped.
        """
        self.bots.put()
        self.stream.isFull = True
        self.assertIsNone(self.bots.receive(VCARD))
        self.bots.presence("subscribe")
        self.assertEqual(self.bots.stored(), {USER: "from"})


class ResourceTests(BotTestCase):
    """
    The presence of contacts.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bots.put()
        self.bots.manager.approve(BOT, USER, None, subscribes=True)
        self.bots.presence("subscribed")
        self.stream.taken()

    def resources(self) -> Mapping[str, Resource]:
        """Return the resources of the contact."""
        return self.bots.entry().resourcesOf(USER)

    def test_remembered(self) -> None:
        """
        The resources of a contact are those that were available last.
        """
        self.bots.receive(
            f"<presence from='{USER}/a' to='{BOT}'><show>away</show>"
            f"<status>{'x' * 2000}</status></presence>"
        )
        self.bots.receive(
            f"<presence from='{USER}/b' to='{BOT}/xmpprest'><show>odd</show></presence>"
        )
        now = 1_750_000_000.0
        self.assertEqual(
            self.resources(), {"a": ("away", "x" * 1023, now), "b": ("", "", now)}
        )
        self.assertFalse(self.bots.presence("unavailable", f"{USER}/a"))
        self.assertEqual([*self.resources()], ["b"])
        self.bots.presence("unavailable", USER)
        self.assertEqual(self.resources(), {})
        self.bots.presence("unavailable", f"{USER}/c")

    def test_ended(self) -> None:
        """
        With the subscription, or an error, they are forgotten.
        """
        for type in ("error", "unsubscribed"):
            self.bots.presence("", f"{USER}/a")
            self.assertEqual([*self.resources()], ["a"])
            self.assertFalse(self.bots.presence(type))
            self.assertEqual(self.resources(), {})

    def test_left(self) -> None:
        """
        Presence for another resource of the bot, from a room, and from contacts whose
        presence the bot has not asked for, is left to the callbacks.
        """
        self.assertTrue(self.bots.presence("", f"{USER}/a", f"{BOT}/room"))
        room = "<x xmlns='http://jabber.org/protocol/muc#user'/>"
        xml = f"<presence from='{USER}/a' to='{BOT}'>{room}</presence>"
        self.assertIsNotNone(self.bots.receive(xml))
        self.bots.presence("subscribe", "juliet@example.net")
        self.assertTrue(self.bots.presence("", "juliet@example.net/a"))
        self.assertEqual(self.resources(), {})

    def test_many(self) -> None:
        """Beyond the limit the oldest resources are forgotten."""
        for number in range(MAX_RESOURCES + 5):
            self.bots.presence("", f"{USER}/{number}")
        self.assertEqual(
            [*self.resources()], [str(n) for n in range(5, MAX_RESOURCES + 5)]
        )


class ReplyTests(BotTestCase):
    """
    The decisions of a callback.
    """

    def setUp(self) -> None:
        super().setUp()
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        self.sent: list[str] = []

    def reply(self, type: str, kind: str = "presence", sender: str = BOT) -> list[str]:
        """Let a callback reply; return what is sent by itself."""
        before = len(self.sent)
        self.bots.service.reply(
            stanza(f"<{kind} type='{type}' from='{sender}' to='{USER}'/>"),
            lambda reply: self.sent.append(reply["type"]),
        )
        return self.sent[before:]

    def test_subscribed(self) -> None:
        """
        C{subscribed} approves the request, once.
        """
        self.assertEqual(self.reply("subscribed"), [])
        expected = [f"subscribed {USER}", f"available {USER}"]
        self.assertEqual(self.stream.kinds(), expected)
        self.assertEqual(self.bots.stored(), {USER: "from"})
        self.assertEqual(self.reply("subscribed"), [])
        self.assertEqual(self.stream.kinds(), [])

    def test_unsubscribed(self) -> None:
        """
        C{unsubscribed} denies it, and nothing stays.
        """
        self.reply("unsubscribed")
        self.assertEqual(self.stream.kinds(), [f"unsubscribed {USER}"])
        self.assertEqual(self.bots.stored(), {})

    def test_error(self) -> None:
        """
        An error leaves the request pending, and the contact does not see it; without a
        pending request it is sent.
        """
        self.assertEqual(self.reply("error"), [])
        self.assertEqual(self.bots.stored(), {USER: "none in"})
        self.reply("unsubscribed")
        self.assertEqual(self.reply("error"), ["error"])

    def test_others(self) -> None:
        """
        Other replies, and those from addresses without a record, are sent as they are.
        """
        self.assertEqual(self.reply("unavailable"), ["unavailable"])
        self.assertEqual(self.reply("chat", "message"), ["chat"])
        other = "other@gateway.example"
        self.assertEqual(self.reply("subscribed", sender=other), ["subscribed"])
        self.assertEqual(self.bots.stored(), {USER: "none in"})


class SentTests(BotTestCase):
    """
    Presence that a client sends for a bot by itself.
    """

    def send(self, type: str, to: str = USER) -> None:
        """Write a presence, as C{POST /rest} does."""
        self.stream.write(f"<presence type='{type}' from='{BOT}' to='{to}'/>")

    def test_followed(self) -> None:
        """
        The state follows it, and an approved contact gets the bot's presence.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        self.send("subscribed")
        self.assertEqual(self.bots.stored(), {USER: "from"})
        self.assertEqual(
            self.stream.kinds(), [f"subscribed {USER}", f"available {USER}"]
        )
        self.send("subscribe")
        self.assertEqual(self.bots.stored(), {USER: "from out"})
        self.send("unsubscribe")
        self.send("unsubscribed")
        self.assertEqual(self.bots.stored(), {})

    def test_ignored(self) -> None:
        """Presence that changes no state is sent, and nothing is stored."""
        self.bots.put()
        self.send("subscribed")
        self.stream.write("<presence subscribe=")
        self.stream.write(f"<presence from='x@y' to='{USER}' type='subscribe'/>")
        self.assertEqual(self.bots.stored(), {})

    def test_withoutBots(self) -> None:
        """
        Nothing is observed before there is a bot, and once only after.
        """
        self.assertEqual(self.bots.watches, 0)
        self.bots.put()
        self.bots.put("other@gateway.example")
        self.assertEqual(self.bots.watches, 1)


class StreamTests(BotTestCase):
    """
    New streams, changed profiles, the end.
    """

    def subscribe(self, number: int) -> None:
        """Let as many contacts subscribe."""
        for each in range(number):
            self.bots.presence("subscribe", f"{each}@example.net")
        self.stream.taken()

    def test_connected(self) -> None:
        """
        On a new stream subscribers get the presence, contacts of the bot a probe, and
        a request without a response is repeated.
        """
        self.bots.put()
        self.bots.presence("subscribe")
        for name in ("a@example.net", "b@example.net"):
            self.bots.manager.approve(BOT, name, None, subscribes=True)
        self.bots.presence("subscribed", "b@example.net")
        self.bots.presence("", "b@example.net/x")
        self.stream.taken()
        self.bots.service.disconnected()
        self.bots.service.connected()
        self.assertEqual(
            self.stream.kinds(),
            [f"available {USER}", "subscribe a@example.net", "probe b@example.net"],
        )
        self.assertEqual(self.bots.entry().resourcesOf("b@example.net"), {})

    def test_slices(self) -> None:
        """
        Many contacts are served in slices, each after the barrier of the one before.
        """
        self.bots.put()
        self.subscribe(2 * broadcaster.SLICE + 5)
        self.bots.barrier.isHeld = True
        self.bots.service.connected()
        for expected in (broadcaster.SLICE, broadcaster.SLICE, 5, 0):
            self.assertEqual(len(self.stream.taken()), expected)
            self.bots.barrier.open()

    def test_lost(self) -> None:
        """
        A stream that is lost ends the series, and a new one begins it anew.
        """
        self.bots.put()
        self.subscribe(2 * broadcaster.SLICE)
        self.bots.barrier.isHeld = True
        self.bots.service.connected()
        self.stream.taken()
        self.bots.service.disconnected()
        self.bots.barrier.open()
        self.assertEqual(self.stream.taken(), [])
        self.bots.barrier.isHeld = False
        self.bots.service.connected()
        self.assertEqual(len(self.stream.taken()), 2 * broadcaster.SLICE)

    def test_noBarrier(self) -> None:
        """
        Where the server answers no barrier, a pause stands for it.
        """
        self.bots.put()
        self.subscribe(broadcaster.SLICE + 1)
        self.bots.barrier.answers = False
        self.bots.service.connected()
        self.assertEqual(len(self.stream.taken()), broadcaster.SLICE)
        self.bots.clock.advance(broadcaster.PAUSE)
        self.assertEqual(len(self.stream.taken()), 1)

    def test_full(self) -> None:
        """
        A stream that does not keep up is waited for.
        """
        self.bots.put()
        self.subscribe(3)
        self.stream.isFull, self.stream.drained = True, Deferred()
        self.bots.service.connected()
        self.assertEqual(self.stream.taken(), [])
        self.stream.isFull = False
        self.stream.drained.callback(None)
        self.assertEqual(len(self.stream.taken()), 3)

    def test_fullAndLost(self) -> None:
        """
        A stream that is lost while it is waited for ends the series.
        """
        self.bots.put()
        self.subscribe(3)
        self.stream.isFull, self.stream.drained = True, Deferred()
        self.bots.service.connected()
        self.stream.ready = False
        self.stream.drained.callback(None)
        self.assertEqual(self.stream.taken(), [])

    def test_changed(self) -> None:
        """
        Subscribers see a changed profile; the one that did not change is not sent.
        """
        self.bots.put(status="old")
        self.subscribe(2)
        self.bots.manager.approve(BOT, "x@example.net", None, subscribes=False)
        for profile, expected in (
            ({"status": "new"}, 2),
            ({"status": "new"}, 0),
            ({"subscriptions": "ask"}, 0),
        ):
            self.bots.manager.put(BOT, profile)  # type: ignore[arg-type]  # JSON
            self.assertEqual(len(self.stream.taken()), expected)

    def test_coalesced(self) -> None:
        """
        Changes that come faster than contacts can be told are told once.
        """
        self.bots.put()
        self.subscribe(2)
        self.bots.barrier.isHeld = True
        for number in range(10):
            self.bots.manager.put(BOT, {"status": str(number)})
        self.bots.barrier.isHeld = False
        self.bots.barrier.open()
        texts = [str(elements(stanza(xml))[0]) for xml in self.stream.taken()]
        self.assertEqual(texts, ["0", "0", "9", "9"])

    def test_policy(self) -> None:
        """
        A policy that no longer asks decides the requests that are pending.
        """
        self.bots.put(subscriptions="ask")
        self.bots.presence("subscribe")
        self.bots.manager.put(BOT, {"subscriptions": "accept"})
        self.assertEqual(
            self.stream.kinds(), [f"subscribed {USER}", f"available {USER}"]
        )
        self.assertEqual(self.bots.stored(), {USER: "from"})

    def test_features(self) -> None:
        """
        After a reload that changes the features subscribers get the new hash, and
        otherwise nothing.
        """
        self.bots.put()
        self.subscribe(1)
        self.bots.service.refresh()
        self.assertEqual(self.stream.taken(), [])
        self.bots.features.append("urn:xmpp:receipts")
        self.bots.service.refresh()
        self.assertEqual(self.stream.kinds(), ["available 0@example.net"])

    def test_stop(self) -> None:
        """
        At the end subscribers see the bot go offline before the service has stopped,
        and no stanza is handled after.
        """
        self.bots.put()
        self.subscribe(1)
        self.bots.barrier.isHeld = True
        stopping = self.bots.service.stopService()
        self.assertEqual(self.stream.kinds(), ["unavailable 0@example.net"])
        self.assertTrue(self.bots.presence("probe", "0@example.net"))
        self.assertNoResult(stopping)
        self.bots.barrier.open()
        self.successResultOf(stopping)
        self.assertEqual(self.bots.clock.getDelayedCalls(), [])

    def test_stopTimeout(self) -> None:
        """
        A server that does not answer does not hold up the end.
        """
        self.bots.put()
        self.subscribe(1)
        self.bots.barrier.isHeld = True
        stopping = self.bots.service.stopService()
        self.bots.clock.advance(STOP_TIMEOUT)
        self.successResultOf(stopping)

    def test_stopOffline(self) -> None:
        """
        Without a stream there is nothing to say.
        """
        self.bots.put()
        self.subscribe(1)
        self.stream.ready = False
        self.successResultOf(self.bots.service.stopService())

    def test_stopWriting(self) -> None:
        """
        The service has stopped when no commit is under way.
        """
        self.bots.put()
        self.bots.store.isHeld = True
        self.bots.presence("subscribe")
        stopping = self.bots.service.stopService()
        self.assertNoResult(stopping)
        self.bots.store.release()
        self.successResultOf(stopping)


class LoadTests(SynchronousTestCase):
    """
    The start.
    """

    def test_restart(self) -> None:
        """
        A new process has the bots and contacts of the one before.
        """
        before = HeldBots()
        before.put(status="Ask me")
        for number in range(2500):
            before.presence("subscribe", f"{number}@example.net")
        after = HeldBots(before.store)
        self.assertEqual(len(after.stream.taken()), 2500)
        entry = after.entry()
        self.assertEqual(entry.contacts, before.entry().contacts)
        self.assertEqual(entry.presentation.bot.profile.status, "Ask me")
        self.assertEqual(after.service.roster.states["from"], 2500)

    def test_otherDomain(self) -> None:
        """
        A bot of another domain, from before the setting was changed, is not shown: the
        server would close the stream.
        """
        before = HeldBots()
        before.put()
        before.presence("subscribe")
        with Logged() as logged:
            after = HeldBots(before.store, "other.example")
        self.assertEqual(len(logged), 1)
        self.assertEqual(after.stream.taken(), [])
        self.assertEqual(len(after.service.roster), 0)

    def test_held(self) -> None:
        """
        Presence and queries that come before the bots are loaded wait for it, up to a
        limit; messages do not wait.
        """
        before = HeldBots()
        before.put()
        before.presence("subscribe")
        store = before.store
        store.isFull = True
        bots = HeldBots(store)
        self.assertFalse(bots.presence("probe"))
        for _ in range(MAX_HELD - 1):
            self.assertFalse(bots.presence("probe", to="other@gateway.example"))
        self.assertTrue(bots.presence("probe"))
        self.assertIsNotNone(bots.receive(f"<message from='{USER}' to='{BOT}'/>"))
        bots.service.connected()
        store.isFull = False
        bots.clock.advance(1)
        self.assertEqual(len(bots.forwarded), MAX_HELD - 1)
        self.assertEqual(bots.stream.kinds(), [f"available {USER}"] * 2)

    def test_neverLoaded(self) -> None:
        """
        The service stops while the store cannot be read.
        """
        store = HeldBotStore()
        store.isFull = True
        bots = HeldBots(store)
        self.successResultOf(bots.service.stopService())
        self.assertEqual(bots.clock.getDelayedCalls(), [])
