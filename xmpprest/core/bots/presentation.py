"""
Makes the stanzas that show a bot: its presence, its answers to disco#info and vCard.

Entity capabilities (XEP-0115) let contacts remember the answer to disco#info by its
hash, which is part of the presence; the hash of the avatar (XEP-0153) is another part.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

from twisted.words.xish.domish import Element

from ..stanza import namespaces as ns
from ..stanza.build import element, elements, make, result
from ..stanza.serializer import escapeAttribute, toXML
from .profile import Bot

#: The URI of the software in capabilities (XEP-0115 §4).
NODE = "https://pypi.org/project/xmpprest/"

#: Features of every bot beside those of the gateway.
_OWN_FEATURES = (ns.CAPS, ns.VCARD)


class Presentation:
    """
    A bot as its contacts see it.

    @ivar bot: The bot.
    @ivar ver: The hash of the answer to disco#info (XEP-0115 §5.1).
    """

    def __init__(self, bot: Bot, features: Iterable[str]) -> None:
        """@param features: The features of the gateway itself."""
        self.bot = bot
        # XEP-0115 §5.1 separates by "<", which must not occur within.
        self._identity = {
            "category": "client",
            "type": "bot",
            "name": bot.name.replace("<", ""),
        }
        self._features = sorted(
            {*features, *bot.profile.features, *_OWN_FEATURES}, key=str.encode
        )
        self.ver = capabilityHash(self._identity, self._features)
        self._children = _presenceChildren(bot, self.ver)
        self._vCard = _vCard(bot)
        # A presence goes to thousands of contacts; only the recipient differs.
        begin, end = toXML(self.available("")).split(" to=''", 1)
        self._begin, self._end = f"{begin} to='", f"'{end}"

    def available(self, to: str) -> Element:
        """Return the bot's presence to an address."""
        return make("presence", {"from": self.bot.address, "to": to}, self._children)

    def availableXML(self, to: str) -> str:
        """Return the bot's presence to an address, as L{toXML} writes it."""
        return f"{self._begin}{escapeAttribute(to)}{self._end}"

    def unavailable(self, to: str) -> Element:
        """Return the presence by which the bot goes offline (RFC 6121 §4.5)."""
        return make(
            "presence", {"from": self.bot.address, "to": to, "type": "unavailable"}
        )

    def answer(self, iq: Element) -> Element | None:
        """
        Answer an iq about the bot: disco#info, also of its capabilities, or the vCard.

        @param iq: One of type get or set.
        @return: C{None} for any other.
        """
        payloads = elements(iq)
        if iq.getAttribute("type") != "get" or len(payloads) != 1:
            return None
        query = payloads[0]
        if (query.uri, query.name) == (ns.VCARD, "vCard"):
            return result(iq, self._vCard)
        if (query.uri, query.name) != (ns.DISCO_INFO, "query"):
            return None
        node = query.getAttribute("node")
        if node not in (None, "", f"{NODE}#{self.ver}"):
            # One of the callback's own, such as a command (XEP-0050).
            return None
        return result(iq, self._discoInfo(node))

    def _discoInfo(self, node: str | None) -> Element:
        """XEP-0030 §3.1, XEP-0115 §6.2."""
        children = [
            element(ns.DISCO_INFO, "identity", self._identity),
            *(element(ns.DISCO_INFO, "feature", {"var": v}) for v in self._features),
        ]
        attributes = {"node": node} if node else {}
        return element(ns.DISCO_INFO, "query", attributes, children)


def subscription(bot: Bot, to: str, type: str) -> Element:
    """
    Return a presence about subscriptions, or a probe. It is from and to bare addresses
    (RFC 6121 §3.1.1, §4.3.1).
    """
    return make("presence", {"from": bot.jid, "to": to, "type": type})


def capabilityHash(identity: dict[str, str], features: Sequence[str]) -> str:
    """
    Return the hash of an answer to disco#info with one identity (XEP-0115 §5.1).

    @param features: Sorted by their bytes (i;octet, RFC 4790 §9.3).
    """
    first = f"{identity['category']}/{identity['type']}//{identity['name']}"
    text = "".join(f"{each}<" for each in (first, *features))
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def _presenceChildren(bot: Bot, ver: str) -> Sequence[Element]:
    profile = bot.profile
    texts = {
        "show": profile.show,
        "status": profile.status,
        "priority": str(profile.priority) if profile.priority else "",
    }
    # XEP-0153 §3.1: an empty photo says that there is none.
    sha1 = "" if profile.avatar is None else profile.avatar.sha1
    photo = element(ns.VCARD_UPDATE, "photo", None, [sha1] if sha1 else ())
    return [
        *(
            element(ns.CLIENT, name, None, [text])
            for name, text in texts.items()
            if text
        ),
        element(ns.CAPS, "c", {"hash": "sha-1", "node": NODE, "ver": ver}),
        element(ns.VCARD_UPDATE, "x", None, [photo]),
    ]


def _vCard(bot: Bot) -> Element:
    """Make the bot's vCard (XEP-0054 §3), with its avatar (XEP-0153 §3.2)."""
    children = [
        element(ns.VCARD, "FN", None, [bot.name]),
        element(ns.VCARD, "JABBERID", None, [bot.jid]),
    ]
    avatar = bot.profile.avatar
    if avatar is not None:
        data = base64.b64encode(avatar.data).decode()
        photo = [
            element(ns.VCARD, "TYPE", None, [avatar.type]),
            element(ns.VCARD, "BINVAL", None, [data]),
        ]
        children.append(element(ns.VCARD, "PHOTO", None, photo))
    return element(ns.VCARD, "vCard", None, children)
