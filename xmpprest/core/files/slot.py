"""Upload slots (XEP-0363): the request, and the checks of the response."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from twisted.words.xish.domish import Element

from ..errors import Problem, Refusal, serviceUnavailable
from ..stanza import namespaces as ns
from ..stanza.build import element, elements, firstChild, make
from ..stanza.parser import Name

UPLOAD = "urn:xmpp:http:upload:0"

#: The headers that a slot may set, in lower case (XEP-0363 §7).
_HEADERS = frozenset({"authorization", "cookie", "expires"})
#: The conditions by which a service refuses a sender, and by which a server says that
#: there is no service.
_FORBIDDEN = frozenset({"forbidden", "not-allowed", "not-authorized"})
_ABSENT = frozenset(
    {
        *("feature-not-implemented", "item-not-found", "remote-server-not-found"),
        *("remote-server-timeout", "service-unavailable"),
    }
)
#: Longest value of such a header.
_MAX_HEADER = 8192


@dataclass(frozen=True, slots=True)
class FileDetails:
    """
    A file.

    @ivar size: In bytes.
    @ivar type: Its media type.
    @ivar sha256: Its SHA-256, in hexadecimal.
    """

    name: str
    size: int
    type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Slot:
    """
    A place for one file.

    @ivar put: The URL that it is uploaded to.
    @ivar get: The URL that it is downloaded from.
    @ivar headers: Header fields of the upload.
    """

    put: str
    get: str
    headers: tuple[tuple[str, str], ...] = ()


def slotRequest(file: FileDetails, service: str, sender: str, id: str) -> Element:
    """
    Make the iq that requests a slot.

    @param service: The address of the upload service.
    """
    attributes = {
        "filename": file.name,
        "size": str(file.size),
        "content-type": file.type,
    }
    request = element(UPLOAD, "request", attributes)
    iq: dict[Name, str | None] = {
        "to": service,
        "from": sender,
        "id": id,
        "type": "get",
    }
    return make("iq", iq, [request])


def parseSlot(reply: Element) -> Slot:
    """
    Read the reply to the request of a slot.

    @raise Refusal: 413, the file is too large for the service; 503, the service gives
        no slot, or one that is not allowed.
    """
    if reply.getAttribute("type") == "error":
        raise _refused(reply)
    slot = firstChild(reply, UPLOAD, "slot")
    put = None if slot is None else firstChild(slot, UPLOAD, "put")
    get = None if slot is None else firstChild(slot, UPLOAD, "get")
    if put is None or get is None:
        raise _unusable("it holds no slot")
    headers = []
    for each in elements(put):
        name, value = each.getAttribute("name", ""), str(each).strip()
        if each.name != "header" or name.lower() not in _HEADERS:
            continue
        isText = value.isascii() and value.isprintable() and len(value) <= _MAX_HEADER
        if isText:
            headers.append((name, value))
    return Slot(_url(put), _url(get), tuple(headers))


def _url(of: Element) -> str:
    """
    Return a URL of a slot.

    @raise Refusal: 503, it is neither https nor on loopback.
    """
    url: str = of.getAttribute("url", "")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _unusable("its URL is malformed") from None
    if not url.isascii() or not url.isprintable() or " " in url or not host:
        raise _unusable("its URL is malformed")
    if parts.scheme == "https" or (parts.scheme == "http" and _isLoopback(host)):
        return url
    raise _unusable("its URL is not https")


def _isLoopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _refused(reply: Element) -> Refusal:
    """Make the refusal that stands for an error of the upload service."""
    report = firstChild(reply, ns.CLIENT, "error")
    children = [] if report is None else elements(report)
    tooLarge = next((each for each in children if each.name == "file-too-large"), None)
    if tooLarge is not None:
        limit = firstChild(tooLarge, UPLOAD, "max-file-size")
        most = "" if limit is None else f" of {str(limit).strip()} bytes"
        return tooLargeFile(f"the limit{most} of the upload service")
    named = (each.name for each in children if each.uri == ns.STANZA_ERRORS)
    condition = next((name for name in named if name != "text"), "undefined-condition")
    service, domain = reply.getAttribute("from", ""), reply.getAttribute("to", "")
    if condition in _FORBIDDEN:
        fault = (
            f"The upload service {service} does not let {domain} upload files"
            f" ({condition}). In Prosody, set http_file_share_access = {{"
            f' "{domain}" }} for it; in ejabberd, the option access of mod_http_upload.'
        )
    elif condition in _ABSENT:
        fault = (
            f"There is no upload service at {service} ({condition}); correct"
            " upload-service."
        )
    else:
        fault = f"The upload service gives no place for the file ({condition})."
    return serviceUnavailable("resource-constraint", fault, retryAfter=60)


def _unusable(fault: str) -> Refusal:
    return serviceUnavailable(
        "resource-constraint",
        f"The upload service has given a place that cannot be used: {fault}.",
        retryAfter=60,
    )


def tooLargeFile(limit: str) -> Refusal:
    """
    Make the refusal of a file that is too large: 413.

    @param limit: The limit, in words.
    """
    text = f"The file is larger than {limit}; send a smaller one."
    return Refusal(Problem(413, "modify", "resource-constraint", text))
