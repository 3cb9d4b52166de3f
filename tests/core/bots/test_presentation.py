"""Tests for L{xmpprest.core.bots.presentation}."""

from __future__ import annotations

import base64
import hashlib

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from xmpprest.core.bots.avatar import Avatar
from xmpprest.core.bots.presentation import (
    NODE,
    Presentation,
    capabilityHash,
    subscription,
)
from xmpprest.core.bots.profile import Bot, Profile
from xmpprest.core.stanza.build import elements
from xmpprest.core.stanza.serializer import toXML

from ...support.doubles import stanza
from .images import png

JID = "weather@gw.example"
USER = "romeo@example.net/orchard"
INFO = "http://jabber.org/protocol/disco#info"


def shown(*features: str, **profile: object) -> Presentation:
    """Return a bot with a profile, as its contacts see it."""
    own = ("urn:xmpp:ping", *features)
    return Presentation(Bot(JID, Profile(**profile)), own)  # type: ignore[arg-type]


def get(payload: str, type: str = "get") -> Element:
    """Return a query of a contact."""
    return stanza(f"<iq type='{type}' id='q1' from='{USER}' to='{JID}'>{payload}</iq>")


class HashTests(SynchronousTestCase):
    """
    L{capabilityHash}
    """

    def test_example(self) -> None:
        """
        The simple example of XEP-0115 §5.2 has the hash that the specification says.
        """
        identity = {"category": "client", "type": "pc", "name": "Exodus 0.9.1"}
        features = [
            "http://jabber.org/protocol/caps",
            INFO,
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
        ]
        self.assertEqual(
            capabilityHash(identity, features), "QgayPKawpkPSDYmwT/WM94uAlu0="
        )


class PresenceTests(SynchronousTestCase):
    """
    The presence of a bot.
    """

    def test_available(self) -> None:
        """
        The presence is from the bot's resource, with its texts, its capabilities and
        the hash
        of its avatar.
        """
        bot = shown(show="away", status="Zzz <", priority=5, avatar=Avatar.of(png()))
        sha1 = hashlib.sha1(png()).hexdigest()
        self.assertEqual(
            toXML(bot.available(USER)),
            f"<presence from='{JID}/xmpprest' to='{USER}'><show>away</show>"
            "<status>Zzz &lt;</status><priority>5</priority>"
            f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{NODE}'"
            f" ver='{bot.ver}'/><x xmlns='vcard-temp:x:update'><photo>{sha1}</photo>"
            "</x></presence>",
        )

    def test_xml(self) -> None:
        """
        The presence as text is the same, whatever is in the recipient's address.
        """
        bot = shown(name="to=''", status="to=''")
        for to in (USER, "o'neil&<@example.org/to=''"):
            self.assertEqual(bot.availableXML(to), toXML(bot.available(to)))

    def test_plain(self) -> None:
        """
        A profile without anything adds no empty elements but the one that says that
        there is no avatar.
        """
        children = elements(shown().available(USER))
        self.assertEqual([each.name for each in children], ["c", "x"])
        self.assertEqual(toXML(children[1], "vcard-temp:x:update"), "<x><photo/></x>")

    def test_others(self) -> None:
        """
        The bot goes offline from its resource; subscriptions are those of its address.
        """
        self.assertEqual(
            toXML(shown().unavailable(USER)),
            f"<presence from='{JID}/xmpprest' to='{USER}' type='unavailable'/>",
        )
        self.assertEqual(
            toXML(subscription(Bot(JID, Profile()), USER, "subscribed")),
            f"<presence from='{JID}' to='{USER}' type='subscribed'/>",
        )


class AnswerTests(SynchronousTestCase):
    """
    L{Presentation.answer}
    """

    def test_discoInfo(self) -> None:
        """
        The features are those of the gateway, of the bot's kind and of its profile,
        each once; the hash in the presence is that of the answer, by its node, too.
        """
        bot = shown("urn:z", name="We<ather", features=("urn:xmpp:ping", "urn:Ä"))
        node = f"{NODE}#{bot.ver}"
        for asked, attribute in (("", ""), (f" node='{node}'", f" node='{node}'")):
            answer = bot.answer(get(f"<query xmlns='{INFO}'{asked}/>"))
            assert answer is not None
            self.assertEqual((answer["type"], answer["id"]), ("result", "q1"))
            self.assertEqual((answer["to"], answer["from"]), (USER, JID))
            (query,) = elements(answer)
            features = [
                "http://jabber.org/protocol/caps",
                "urn:xmpp:ping",
                "urn:z",
                "urn:Ä",
                "vcard-temp",
            ]
            identity = "<identity category='client' type='bot' name='Weather'/>"
            listed = "".join(f"<feature var='{each}'/>" for each in features)
            self.assertEqual(
                toXML(query, INFO), f"<query{attribute}>{identity}{listed}</query>"
            )
        text = "client/bot//Weather<" + "".join(f"{each}<" for each in features)
        expected = base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
        self.assertEqual(bot.ver, expected)

    def test_vCard(self) -> None:
        """
        The vCard has the name, the address, and the avatar if there is one.
        """
        begin = f"<FN>Weather</FN><JABBERID>{JID}</JABBERID>"
        data = base64.b64encode(png()).decode()
        photo = f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{data}</BINVAL></PHOTO>"
        for avatar, end in ((None, ""), (Avatar.of(png()), photo)):
            bot = shown(name="Weather", avatar=avatar)
            answer = bot.answer(get("<vCard xmlns='vcard-temp'/>"))
            assert answer is not None
            (card,) = elements(answer)
            self.assertEqual(
                toXML(card), f"<vCard xmlns='vcard-temp'>{begin}{end}</vCard>"
            )

    def test_others(self) -> None:
        """
        All other queries, and those about nodes of the callback, are left to others.
        """
        for query in (
            get("<query xmlns='jabber:iq:version'/>"),
            get("<vCard xmlns='vcard-temp'/>", "set"),
            get(f"<query xmlns='{INFO}' node='http://jabber.org/protocol/commands'/>"),
            get(f"<query xmlns='{INFO}' node='{NODE}#other'/>"),
            get(""),
        ):
            self.assertIsNone(shown().answer(query), toXML(query))
