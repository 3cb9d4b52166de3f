"""
Harmful requests of a client, and responses of a callback, each with its status.

None of them may reach the stream, hold up the reactor, or cost anybody anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: docs/reference/http-api.rst
SIZE_LIMIT = 192 * 1024

_TO = "to='nobody@localhost'"


@dataclass(frozen=True)
class Hostile:
    """
    @ivar name: What it tries.
    @ivar body: The payload.
    @ivar status: What a client gets for it.
    """

    name: str
    body: bytes
    status: int


def message(inside: str | bytes, attributes: str = _TO) -> bytes:
    """A message with something bad in it."""
    content = inside if isinstance(inside, bytes) else inside.encode("utf-8")
    return f"<message {attributes}><body>".encode() + content + b"</body></message>"


def padded(start: bytes, unit: bytes, end: bytes, size: int = SIZE_LIMIT) -> bytes:
    """So many units that the whole is as long as it may be."""
    count = (size - len(start) - len(end)) // len(unit)
    return start + unit * count + end


_BOMB = (
    "<!DOCTYPE b [<!ENTITY a '"
    + "x" * 50
    + "'>"
    + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9))
    + f"]><message {_TO}><body>&j;</body></message>"
).encode()


#: Not a document, so 400.
MALFORMED = {
    "nothing": b"",
    "white space only": b" \r\n\t ",
    "text only": b"hello",
    "a null byte": message(b"\x00"),
    "U+0001 raw": message(b"\x01"),
    "U+001F raw": message(b"\x1f"),
    "U+0001 as a reference": message("&#1;"),
    "U+0000 as a reference": message("&#0;"),
    "U+FFFE raw": message("\ufffe"),
    "U+FFFF raw": message("\uffff"),
    "U+FFFE as a reference": message("&#xFFFE;"),
    "a surrogate raw": message(b"\xed\xa0\x80"),
    "a surrogate pair raw (CESU-8)": message(b"\xed\xa0\xbd\xed\xb8\x80"),
    "a surrogate as a reference": message("&#xD800;"),
    "a reference beyond Unicode": message("&#x110000;"),
    "an overlong NUL": message(b"\xc0\x80"),
    "an overlong slash": message(b"\xc0\xaf"),
    "a truncated sequence": message(b"\xe2\x82"),
    "latin-1": message(b"\xe9t\xe9"),
    "a byte beyond UTF-8": message(b"\xf5\x80\x80\x80"),
    "UTF-16": message("hi").decode().encode("utf-16"),
    "UTF-32": message("hi").decode().encode("utf-32"),
    "a control character in an attribute": b"<message to='a\x02@localhost'/>",
    "an XML declaration": b"<?xml version='1.0'?>" + message("hi"),
    "a declared encoding": b"<?xml version='1.0' encoding='UTF-7'?>" + message("hi"),
    "a DTD": b"<!DOCTYPE message>" + message("hi"),
    "an external DTD": b"<!DOCTYPE m SYSTEM 'http://127.0.0.1:1/x'>" + message("hi"),
    "an internal entity": b"<!DOCTYPE m [<!ENTITY a 'b'>]>" + message("&a;"),
    "an external entity": (
        b"<!DOCTYPE m [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + message("&a;")
    ),
    "a billion laughs": _BOMB,
    "a parameter entity": b"<!DOCTYPE m [<!ENTITY % a 'b'> %a;]>" + message("hi"),
    "an undefined entity": message("&nbsp;"),
    "a comment": message("<!-- hi -->"),
    "a comment before": b"<!-- hi -->" + message("hi"),
    "a processing instruction": message("<?php echo 1 ?>"),
    "a processing instruction after": message("hi") + b"<?a b?>",
    "50,000 levels": padded(b"<message " + _TO.encode() + b">", b"<a>", b""),
    "65 levels": message("<a>" * 63 + "</a>" * 63),
    "5,000 elements": message("<a/>" * 5000),
    "100 prefixes": (
        b"<message "
        + _TO.encode()
        + b"".join(b" xmlns:p%d='u%d'" % (i, i) for i in range(100))
        + b"/>"
    ),
    "duplicate attributes": b"<message to='a@localhost' to='b@localhost'/>",
    "duplicate qualified attributes": (
        b"<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='2' " + _TO.encode() + b"/>"
    ),
    "an undeclared prefix": message("<a:b/>"),
    "an undeclared attribute prefix": b"<message a:b='c' " + _TO.encode() + b"/>",
    "the prefix xmlns": message("<xmlns:b/>"),
    "the prefix xml bound anew": message("<a xmlns:xml='urn:x'/>"),
    "the end of the stream": message("hi") + b"</stream:stream>",
    "the end of the stream inside": message("</stream:stream>"),
    "a stream restart": (
        b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"
        + message("hi")
    ),
    "an unclosed element": b"<message " + _TO.encode() + b"><body>hi",
    "crossed elements": b"<message " + _TO.encode() + b"><body>hi</message></body>",
    "the seed's own slip": b"<message " + _TO.encode() + b"><body>hi</body></body>",
    "two stanzas": message("one") + message("two"),
    "a stanza and text": message("one") + b"two",
    "an attribute without quotes": b"<message to=a@localhost/>",
    "a less-than sign in an attribute": b"<message to='<'/>",
    "an element called xml:…": message("<xml:a/>"),
    "an attribute called xml:…": message("<a xml:b=''/>"),
    "a namespace with a newline": message("<a xmlns='urn:a&#10;b'/>"),
    "a prefix with a newline": message("<a xmlns:p='urn:a&#10;b'/>"),
    "a namespace of 10,000 characters": message(f"<a xmlns='{'u' * 10000}'/>"),
    "a bare ampersand": message("a & b"),
    "an open CDATA section": message("<![CDATA[ hi"),
    "the end of a CDATA section": message("]]>"),
    "a tag that never ends": padded(b"<message ", b"a", b""),
    "half a tag": b"<message to='nobody@localhost",
    "JSON": b'{"body":"hi","to":"nobody@localhost"}',
}

_OK = "<ping xmlns='urn:xmpp:ping'/>"

#: A document, but no stanza that may be sent, so 422.
NO_STANZA = {
    "another namespace": b"<message xmlns='jabber:server' " + _TO.encode() + b"/>",
    "the component's namespace": (
        b"<message xmlns='jabber:component:accept' " + _TO.encode() + b"/>"
    ),
    "a stream": b"<stream xmlns='http://etherx.jabber.org/streams'/>",
    "a stream error": (
        b"<error xmlns='http://etherx.jabber.org/streams'>"
        b"<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>"
    ),
    "a nested stream element": (
        b"<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>"
        + message("hi")
        + b"</stream:stream>"
    ),
    "a handshake": b"<handshake>0123456789abcdef</handshake>",
    "another element": b"<body>hi</body>",
    "no recipient": b"<message><body>hi</body></message>",
    "an empty recipient": b"<message to=''><body>hi</body></message>",
    "a recipient that is a space": b"<message to=' '/>",
    "a recipient without a domain": b"<message to='a@'/>",
    "a recipient without a localpart": b"<message to='@localhost'/>",
    "a recipient without a resource": b"<message to='a@localhost/'/>",
    "a recipient with an empty label": b"<message to='a@b..c'/>",
    "a recipient with two at signs": b"<message to='a@b@c'/>",
    "a recipient with a space": b"<message to='a b@localhost'/>",
    "a recipient with quotes": b"<message to='a&quot;b@localhost'/>",
    "a recipient with a newline": b"<message to='a&#10;b@localhost'/>",
    "a recipient too long": b"<message to='" + b"a" * 1024 + b"@localhost'/>",
    "a resource too long": b"<message to='a@localhost/" + b"a" * 1024 + b"'/>",
    "an id too long": f"<message {_TO} id='{'i' * 1024}'/>".encode(),
    "a bad sender": f"<message {_TO} from='a@b..c'/>".encode(),
    "an iq without a type": f"<iq {_TO}>{_OK}</iq>".encode(),
    "an iq of type result": f"<iq {_TO} type='result'>{_OK}</iq>".encode(),
    "an iq of type error": f"<iq {_TO} type='error'>{_OK}</iq>".encode(),
    "an iq of another type": f"<iq {_TO} type='GET'>{_OK}</iq>".encode(),
    "an iq without a child": f"<iq {_TO} type='get'/>".encode(),
    "an iq with text only": f"<iq {_TO} type='get'>ping</iq>".encode(),
    "an iq with two children": f"<iq {_TO} type='get'>{_OK}{_OK}</iq>".encode(),
    "an iq without a recipient": f"<iq type='get'>{_OK}</iq>".encode(),
    "a message of no known type": f"<message {_TO} type='x'/>".encode(),
    "a presence of no known type": f"<presence {_TO} type='available'/>".encode(),
}

#: A proper stanza in the name of somebody else, so 403.
FOREIGN = {
    "the server's domain": f"<message {_TO} from='localhost'/>".encode(),
    "a user's address": f"<message {_TO} from='admin@localhost'/>".encode(),
    "a subdomain": f"<message {_TO} from='x.gateway.localhost'/>".encode(),
    "the domain as a localpart": (
        f"<message {_TO} from='gateway.localhost@localhost'/>".encode()
    ),
    "the domain as a resource": (
        f"<message {_TO} from='localhost/gateway.localhost'/>".encode()
    ),
    "another component": f"<presence {_TO} from='peer.localhost'/>".encode(),
}

_HEAD, _TAIL = b"<message " + _TO.encode() + b"><body>", b"</body></message>"

#: More than a stanza may be, so 413.
TOO_LARGE = {
    "a byte too much": padded(_HEAD, b"x", _TAIL) + b" ",
    "10 MB": message("x" * 10_000_000),
    "less-than signs, four times as long on the wire": padded(
        _HEAD + b"<![CDATA[", b"<", b"]]>" + _TAIL
    ),
    "quotes, six times as long on the wire": padded(
        b"<message " + _TO.encode() + b"><a b='", b'"', b"'/></message>"
    ),
}

#: Large and in order: to be sent, without holding anybody up.
HEAVY = {
    "192 KiB of newlines": padded(_HEAD, b"\n", _TAIL),
    "192 KiB of references": padded(_HEAD, b"&#10;", _TAIL),
    "192 KiB of CDATA sections": padded(_HEAD, b"<![CDATA[x]]>", _TAIL),
    "4,000 elements": message("<a/>" * 4000),
    "18,000 attributes": (
        b"<message "
        + _TO.encode()
        + b"><a "
        + b" ".join(b"a%d=''" % i for i in range(18000))
        + b"/></message>"
    ),
    "60 prefixes, 6,000 attributes": (
        b"<message "
        + _TO.encode()
        + b"><a"
        + b"".join(b" xmlns:p%d='u%d'" % (i, i) for i in range(60))
        + b"".join(b" p%d:a%d=''" % (i % 60, i) for i in range(6000))
        + b"/></message>"
    ),
    "64 levels": message("<a>" * 62 + "</a>" * 62),
    "a prefix bound again at each level": message(
        "".join(f"<p:a xmlns:p='u{i}'>" for i in range(60)) + "</p:a>" * 60
    ),
    "an emoji resource": b"<message to='nobody@localhost/\xf0\x9f\x98\x80'/>",
    "a sender in capitals": f"<message {_TO} from='BOT@GATEWAY.LOCALHOST/x'/>".encode(),
    "a nested stream in another namespace": message(
        "</body><x xmlns='urn:x'><stream xmlns='http://etherx.jabber.org/streams'/></x>"
        "<body>"
    ),
    "a nested stanza of somebody else's": (
        f"<message {_TO}><forwarded xmlns='urn:xmpp:forward:0'>"
        "<message xmlns='jabber:client' from='admin@localhost'><body>x</body></message>"
        "</forwarded></message>"
    ).encode(),
    "a qualified attribute": (
        f"<message {_TO} xmlns:x='urn:x' x:to='admin@localhost'/>".encode()
    ),
}


def refused() -> Iterator[Hostile]:
    """Everything that is answered with a 4xx."""
    for status, table in (
        (400, MALFORMED),
        (422, NO_STANZA),
        (403, FOREIGN),
        (413, TOO_LARGE),
    ):
        for name, body in table.items():
            yield Hostile(name, body, status)


def accepted() -> Iterator[Hostile]:
    """Everything that is heavy or odd, and in order."""
    for name, body in HEAVY.items():
        yield Hostile(name, body, 202)
