"""Upload services (XEP-0363): how to find one, and what it says about itself."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..codec.table import STANZAS
from ..errors import Refusal, notFound
from ..media.values import Value
from ..stanza import jid
from ..stanza.build import element, make
from ..stanza.parser import Name
from .slot import UPLOAD, tooLargeFile

_INFO = "http://jabber.org/protocol/disco#info"
_ITEMS = "http://jabber.org/protocol/disco#items"

#: Number of items of a server that are asked what they are.
MAX_ITEMS = 50


@dataclass(frozen=True, slots=True)
class UploadService:
    """
    An upload service.

    @ivar address: Its address.
    @ivar limit: The most bytes that a file may have; C{None} if it names no limit.
    """

    address: str
    limit: int | None = None

    def requireSize(self, size: int) -> None:
        """
        Check that a file is not too large for the service.

        @raise Refusal: 413, it is.
        """
        if self.limit is not None and size > self.limit:
            raise tooLargeFile(self.limitText)

    @property
    def limitText(self) -> str:
        """The limit in words."""
        return f"the {self.limit} bytes that the upload service {self.address} takes"


def serverOf(domain: str) -> str:
    """Return the domain above a component domain; empty if there is none."""
    return domain.partition(".")[2]


def infoQuery(to: str, sender: str, id: str) -> Element:
    """Make the iq that asks what an entity is (XEP-0030 §3)."""
    return _query(_INFO, to, sender, id)


def itemsQuery(to: str, sender: str, id: str) -> Element:
    """Make the iq that asks for the items of an entity (XEP-0030 §4)."""
    return _query(_ITEMS, to, sender, id)


def _query(uri: str, to: str, sender: str, id: str) -> Element:
    iq: dict[Name, str | None] = {"to": to, "from": sender, "id": id, "type": "get"}
    return make("iq", iq, [element(uri, "query")])


def parseInfo(address: str, reply: Element) -> UploadService | None:
    """
    Return the upload service that a reply describes; C{None} if it is no such service.
    """
    info = _object(STANZAS.encode(reply).get("disco"))
    features = info.get("features")
    if not isinstance(features, list) or UPLOAD not in features:
        return None
    form = _object(_object(info.get("extensions")).get(UPLOAD))
    limit = form.get("max-file-size")
    if isinstance(limit, list) and limit:
        limit = limit[0]  # a field without a type
    isNumber = isinstance(limit, str) and limit.isascii() and limit.isdigit()
    return UploadService(address, int(str(limit)) if isNumber else None)


def parseItems(reply: Element) -> list[str]:
    """Return the addresses among the first L{MAX_ITEMS} items that a reply lists."""
    items = STANZAS.encode(reply).get("items")
    if not isinstance(items, list):
        return []
    found = [_object(each).get("jid") for each in items[:MAX_ITEMS]]
    return [each for each in found if isinstance(each, str) and _isAddress(each)]


def _isAddress(text: str) -> bool:
    try:
        return bool(jid.checkedJID(text))
    except ValueError:
        return False


def _object(value: Value) -> dict[str, Value]:
    return value if isinstance(value, dict) else {}


def noService(server: str) -> Refusal:
    """
    Make the refusal of an upload without a service: 404.

    @param server: The domain that was asked; empty if none is known.
    """
    fault = (
        f"The XMPP server {server} lists no upload service (XEP-0363)"
        if server
        else "The gateway does not know its server's domain"
    )
    return notFound(
        f"{fault}, so no file can be sent. Set upload-service to the address of one,"
        " such as upload.example.org, or turn on Prosody's http_file_share or"
        " ejabberd's mod_http_upload."
    )
