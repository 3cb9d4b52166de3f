"""
The key C{files}: shared files (XEP-0447, XEP-0446), and links to files (XEP-0066).

A file with no more than a URL and a description is a link in C{<x/>}, any other one a
C{<file-sharing/>}. On output, a link that C{oob} describes is repeated in C{files}.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..errors import unprocessable
from ..media.values import Value
from ..stanza.build import element, elements, firstChild
from .fields_common import OOB
from .scalars import (
    DATETIME,
    STRING,
    URI,
    NotRepresentable,
    QName,
    Scalar,
    Schema,
    integer,
    string,
    textOf,
    unknownKey,
    wrongType,
)
from .shapes import AttributeValue, NotFormField, ObjectShape, Text
from .slots import Attribute, Child, Children

SFS = "urn:xmpp:sfs:0"
METADATA = "urn:xmpp:file:metadata:0"
HASHES = "urn:xmpp:hashes:2"
URL_DATA = "http://jabber.org/protocol/url-data"
OOB_LINK = "jabber:x:oob"


def _hex(text: str) -> str:
    """Return a digest in hexadecimal from its base64."""
    digest = b64decode(text, validate=True)
    if len(digest) != 32:
        raise ValueError
    return digest.hex()


def _base64(value: object) -> str:
    """Return a digest in base64 from its hexadecimal."""
    if not isinstance(value, str):
        raise TypeError
    digest = bytes.fromhex(value)
    # With spaces, which fromhex takes, the text is longer.
    if len(digest) != 32 or len(value) != 64:
        raise ValueError
    return b64encode(digest).decode()


_DIGEST = Scalar(
    "64 hexadecimal digits",
    {"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"},
    _hex,
    _base64,
)


class _SHA256:
    """The SHA-256 among the hashes of a file (XEP-0300), in hexadecimal."""

    isText = True

    @property
    def schema(self) -> Schema:
        """Return the schema of hexadecimal digits."""
        return _DIGEST.schema

    def position(self, element: Element) -> int:
        """Return the index of the hash among the children, or -1."""
        for position, child in enumerate(element.children):
            if not isinstance(child, str) and _isSHA256(child):
                return position
        return -1

    def read(self, element: Element) -> Value:
        """Return the hash; C{None} if there is none, or it is malformed."""
        found = next(filter(_isSHA256, elements(element)), None)
        if found is None:
            return None
        try:
            return _DIGEST.read(textOf(found))
        except ValueError:
            return None

    def write(self, value: Value, at: str, into: Element) -> None:
        """Add the hash."""
        text = _DIGEST.toText(value, at)
        into.children.append(element(HASHES, "hash", {"algo": "sha-256"}, [text]))

    def fromText(self, text: str, at: str) -> Value:
        """Return the text of a form field."""
        return text


def _isSHA256(child: Element) -> bool:
    isHash = (child.uri, child.name) == (HASHES, "hash")
    return isHash and child.getAttribute("algo") == "sha-256"


_METADATA = ObjectShape(
    {
        "name": Child("name", Text()),
        "type": Child("media-type", Text()),
        "size": Child("size", Text(integer())),
        "sha-256": _SHA256(),
        "desc": Child("desc", Text()),
        "date": Child("date", Text(DATETIME)),
        "width": Child("width", Text(integer())),
        "height": Child("height", Text(integer())),
        "length": Child("length", Text(integer())),
    }
)
_DISPOSITION = Attribute("disposition", string("attachment", "inline"))
_URLS = Children("url-data", AttributeValue("target", URI), URL_DATA)

#: The keys of a file that a link can hold.
_LINK_KEYS = frozenset({"url", "desc"})
_KEYS = ("url", "mirrors", "disposition", *_METADATA.slots, "data")


@dataclass(frozen=True)
class SharedFile(NotFormField):
    """A file that is shared, as an object of its metadata and its URLs."""

    @property
    def schema(self) -> Schema:
        """Return the schema of an object with a URL."""
        metadata = {key: slot.schema for key, slot in _METADATA.slots.items()}
        return {
            "type": "object",
            "properties": {
                "url": URI.schema,
                "mirrors": {"type": "array", "items": URI.schema},
                "disposition": _DISPOSITION.schema,
                **metadata,
            },
            "required": ["url"],
            "additionalProperties": False,
        }

    @property
    def parameters(self) -> Mapping[str, Schema]:
        """Return no schemas, because no form can hold a file."""
        return {}

    def fromPairs(self, pairs: Mapping[str, str], at: str) -> Value:
        """Return the texts by key, unchanged."""
        return {**pairs}

    def read(self, element: Element) -> Value:
        """
        Return the metadata and the URLs; other sources and hashes are left out.

        @raise NotRepresentable: It has no URL.
        """
        found: dict[str, Value] = {}
        disposition = _DISPOSITION.read(element)
        if disposition is not None:
            found["disposition"] = disposition
        file = firstChild(element, METADATA, "file")
        if file is not None:
            found |= _METADATA.read(file)
        sources = firstChild(element, SFS, "sources")
        urls = None if sources is None else _URLS.read(sources)
        if not isinstance(urls, list):
            raise NotRepresentable
        found["url"] = urls[0]
        if len(urls) > 1:
            found["mirrors"] = urls[1:]
        return found

    def write(self, name: QName, value: Value, at: str) -> Element | None:
        """
        Make the element of a file, or the link to it.

        @raise Refusal: 422, the value is of another shape, or has C{data}.
        """
        if not isinstance(value, dict):
            raise wrongType(at, "an object", value)
        for key in value:
            if key not in _KEYS:
                raise unknownKey(at, key, _KEYS)
        given: dict[str, Value]
        given = {key: inner for key, inner in value.items() if inner is not None}
        if "data" in given:
            raise unprocessable(
                "bad-format",
                f"The key {at + '.data'!r} uploads a file, which only a message does"
                " that is POSTed by itself, and all of its files have 'data' then;"
                " here, give the 'url' that POST /rest/files returns.",
                f"{at}.data",
            )
        if "url" not in given:
            raise unprocessable(
                "bad-format", f"The key {at!r} needs a 'url'.", f"{at}.url"
            )
        if given.keys() <= _LINK_KEYS:
            return OOB.write((OOB_LINK, "x"), given, at)
        mirrors = given.get("mirrors", [])
        if not isinstance(mirrors, list):
            raise wrongType(f"{at}.mirrors", "a list", mirrors)
        made = element(*name)
        if "disposition" in given:
            _DISPOSITION.write(given["disposition"], f"{at}.disposition", made)
        metadata: dict[str, Value]
        metadata = {k: v for k, v in given.items() if k in _METADATA.slots}
        file = _METADATA.write((METADATA, "file"), metadata, at)
        sources = element(SFS, "sources")
        STRING.toText(given["url"], f"{at}.url")
        _URLS.write([given["url"], *mirrors], f"{at}.mirrors", sources)
        made.children += [file, sources]
        return made


#: The slot of all shared files of a message.
FILES = Children("file-sharing", SharedFile(), SFS)


# --- links that another key describes -------------------------------------------


def withLink(value: dict[str, Value]) -> dict[str, Value]:
    """
    Return the JSON form of a message with the link of C{oob} among its C{files}, unless
    a file has the same URL.
    """
    link = value.get("oob")
    files = value.get("files", [])
    if not isinstance(link, dict) or not isinstance(files, list) or "url" not in link:
        return value
    if any(isinstance(each, dict) and each.get("url") == link["url"] for each in files):
        return value
    return {**value, "files": [*files, {**link}]}


def withoutLinks(
    value: Mapping[str, Value], raw: Iterable[Element | str]
) -> dict[str, Value]:
    """
    Return a JSON form without the links among its C{files} that another key holds.

    @param raw: The content of C{xml}.
    """
    files = value["files"]
    if not isinstance(files, list):
        return {**value}
    link = value.get("oob")
    known = {value.get("oob_url")} if isinstance(value.get("oob_url"), str) else set()
    if isinstance(link, dict) and isinstance(link.get("url"), str):
        known.add(link["url"])
    for child in raw:
        if not isinstance(child, str) and (child.uri, child.name) == (OOB_LINK, "x"):
            known.add(_urlOf(child))
    others = [each for each in files if not _isLinkTo(each, known)]
    if others or not files:
        return {**value, "files": others}
    return {key: inner for key, inner in value.items() if key != "files"}


def _urlOf(link: Element) -> Value:
    try:
        return OOB.read(link).get("url")
    except NotRepresentable:
        return None


def _isLinkTo(file: Value, urls: set[Value]) -> bool:
    if not isinstance(file, dict) or not file.keys() <= _LINK_KEYS:
        return False
    url = file.get("url")
    return isinstance(url, str) and url in urls
