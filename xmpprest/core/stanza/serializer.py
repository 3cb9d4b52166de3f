"""
Writes elements as XML.

C{Element.toXml} puts an element into a wrong namespace where a prefix is bound
twice, hence this one. Elements are written with default namespaces; prefixes serve
attributes only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from twisted.words.xish.domish import Element

from . import namespaces as ns


def toXML(element: Element, implied: str = ns.CLIENT) -> str:
    """
    Write a stanza, or any element that is read where a namespace is implied.

    The result stands as well in a component's stream, whose own namespace it
    then takes (XEP-0114 §2).

    @param element: At most 64 levels deep, with names and characters that XML
        allows: the parser and the JSON table see to that.
    @param implied: The namespace around it.
    """
    out: list[str] = []
    _write(out.append, element, implied, _DOCUMENT)
    return "".join(out)


class _Scope:
    """
    The prefixes that are bound at some place, both ways.
    """

    def __init__(self, bound: Mapping[str, str]) -> None:
        """
        @param bound: Namespaces, by prefix.
        """
        self._bound = bound
        self._prefixes = {uri: prefix for prefix, uri in bound.items()}

    def within(self, declared: Mapping[str, str]) -> _Scope:
        """The scope inside an element that declares these prefixes."""
        return _Scope({**self._bound, **declared})

    def prefixOf(self, uri: str) -> str | None:
        """A prefix that is bound to a namespace, if there is one."""
        return self._prefixes.get(uri)

    def unusedPrefix(self) -> str:
        """A prefix that is not bound yet."""
        number = len(self._bound)
        while f"ns{number}" in self._bound:
            number += 1
        return f"ns{number}"


#: The prefix that is bound everywhere.
_DOCUMENT = _Scope({"xml": ns.XML})


def _write(
    write: Callable[[str], object], element: Element, default: str, scope: _Scope
) -> None:
    """
    Write an element, and what it holds.

    @param default: The namespace that is the default around it.
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
        if isinstance(key, tuple):
            prefix = scope.prefixOf(key[0])
            if prefix is None:
                prefix = scope.unusedPrefix()
                scope = scope.within({prefix: key[0]})
                write(f" xmlns:{prefix}='{escapeAttribute(key[0])}'")
            write(f" {prefix}:{key[1]}='{escapeAttribute(value)}'")
        else:
            write(f" {key}='{escapeAttribute(value)}'")
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
    """
    Character data. A bare CR would come out as LF (XML 1.0 §2.11), hence the
    reference.
    """
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


#: Whether a value has any of these. It takes a tenth of what it takes to translate one,
#: 1.4 µs for an address, and hardly any has.
_needsEscaping = re.compile(f"[{''.join(map(chr, _ATTRIBUTE))}]").search


def escapeAttribute(value: str) -> str:
    """The value of an attribute, to stand between quotes."""
    return value.translate(_ATTRIBUTE) if _needsEscaping(value) else value
