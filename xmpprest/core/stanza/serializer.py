"""
Writes elements as XML.

C{Element.toXml} puts an element into a wrong namespace where a prefix is bound twice.
This serializer writes elements with default namespaces, and prefixes only for
attributes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from twisted.words.xish.domish import Element

from . import namespaces as ns


def toXML(element: Element, implied: str = ns.CLIENT) -> str:
    """
    Write a stanza, or any element, for a reader that implies a namespace.

    The result can also be written to a component's stream, where it is in the stream's
    namespace (XEP-0114 §2).

    @param element: At most 64 levels deep, with valid names and characters; the parser
        and the JSON table ensure that.
    @param implied: The namespace that the reader implies.
    """
    out: list[str] = []
    _write(out.append, element, implied, _DOCUMENT)
    return "".join(out)


class _Scope:
    """The namespace prefixes that are bound at one place, in both directions."""

    def __init__(self, bound: Mapping[str, str]) -> None:
        """@param bound: The namespaces by prefix."""
        self._bound = bound
        self._prefixes = {uri: prefix for prefix, uri in bound.items()}

    def within(self, declared: Mapping[str, str]) -> _Scope:
        """Return the scope inside an element that declares these prefixes."""
        return _Scope({**self._bound, **declared})

    def prefixOf(self, uri: str) -> str | None:
        """Return a prefix of a namespace, or C{None} if none is bound."""
        return self._prefixes.get(uri)

    def unusedPrefix(self) -> str:
        """Return a prefix that is not bound."""
        number = len(self._bound)
        while f"ns{number}" in self._bound:
            number += 1
        return f"ns{number}"


#: The scope around a document, with the prefix that is always bound.
_DOCUMENT = _Scope({"xml": ns.XML})


def _write(
    write: Callable[[str], object], element: Element, default: str, scope: _Scope
) -> None:
    """
    Write an element and its content.

    @param default: The default namespace around it.
    @param scope: The prefixes around it.
    """
    name = element.name
    uri = default if element.uri is None else element.uri
    write("<" + name)
    if uri != default:
        write(f" xmlns='{escapeAttribute(uri)}'")
    if element.localPrefixes:
        scope = scope.within(element.localPrefixes)
        for prefix, bound in element.localPrefixes.items():
            write(f" xmlns:{prefix}='{escapeAttribute(bound)}'")
    for key, value in element.attributes.items():
        text = escapeAttribute(value) if _needsEscaping(value) else value
        if isinstance(key, tuple):
            prefix = scope.prefixOf(key[0])
            if prefix is None:
                prefix = scope.unusedPrefix()
                scope = scope.within({prefix: key[0]})
                write(f" xmlns:{prefix}='{escapeAttribute(key[0])}'")
            write(f" {prefix}:{key[1]}='{text}'")
        else:
            write(f" {key}='{text}'")
    if not element.children:
        write("/>")
        return
    write(">")
    for child in element.children:
        if isinstance(child, str):
            write(escapeText(child))
        else:
            _write(write, child, uri, scope)
    write(f"</{name}>")


def escapeText(text: str) -> str:
    """Escape character data. A bare CR would be read as LF (XML 1.0 §2.11)."""
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\r", "&#13;")
    )


_ATTRIBUTE = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "'": "&apos;",
        '"': "&quot;",
        # XML 1.0 §3.3.3 turns bare white space into spaces.
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


#: Finds a character to escape. It takes a tenth of the time of translate(), which is
#: 1.4 µs for an address, and few values have one.
_needsEscaping = re.compile(f"[{''.join(map(chr, _ATTRIBUTE))}]").search


def escapeAttribute(value: str) -> str:
    """Escape the value of an attribute, for either kind of quotes."""
    return value.translate(_ATTRIBUTE) if _needsEscaping(value) else value
