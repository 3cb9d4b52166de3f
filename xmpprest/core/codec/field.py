"""
Fields of a stanza: which key stands for which child, and whether the key's value holds
all of the child.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from twisted.words.xish.domish import Element

from ..errors import Refusal
from ..media.values import Value
from ..stanza import namespaces as ns
from ..stanza.build import hasMoreElementsThan, make
from ..stanza.parser import MAX_ELEMENTS
from .payloads import Carbon
from .raw_xml import writeRaw
from .scalars import NotRepresentable, QName
from .slots import Child, Children, NamedChild

#: A slot of a stanza; it also names the elements that it describes.
StanzaSlot: TypeAlias = Child | Children | NamedChild | Carbon


@dataclass(frozen=True)
class Field:
    """
    A key of a stanza.

    @ivar source: The specification that defines the element, with its title.
    @ivar slot: The place of the element in the stanza, and its shape in JSON.
    @ivar emptyResult: The value for an empty element in an iq result, where it differs
        from that in a request.
    """

    source: str
    slot: StanzaSlot
    emptyResult: Value = True


class FieldTable:
    """
    All fields of one kind of stanza. Several keys may describe one element: JSON output
    has all of them; in JSON input the last one in the table counts.
    """

    def __init__(self, kind: str, fields: Mapping[str, Field]) -> None:
        self.kind = kind
        self.fields = fields
        self._index: dict[QName, list[str]] = {}
        for key, field in fields.items():
            for name in field.slot.names(ns.CLIENT):
                self._index.setdefault(name, []).append(key)
        self._shared = [keys for keys in self._index.values() if len(keys) > 1]
        self._sharedKeys = frozenset(key for keys in self._shared for key in keys)

    def toJSON(self, stanza: Element) -> dict[str, Value]:
        """
        Return the keys of a stanza's children, in the order of the children. The key
        C{xml} comes at the first child that no key can carry exactly, and holds all
        children from that one to the last such child. White space between children is
        left out.
        """
        content = [c for c in stanza.children if not _isSpace(c)]
        groups: dict[str, list[int]] = {}
        inexact = set()
        for position, child in enumerate(content):
            keys = self._keys(child)
            if keys:
                groups.setdefault(keys[-1], []).append(position)
            else:
                inexact.add(position)
        found: dict[int, dict[str, Value]] = {}
        for key, positions in groups.items():
            group = [content[position] for position in positions]
            found[positions[0]] = read = self._read(stanza, group[0])
            isTogether = positions[-1] - positions[0] < len(positions)
            if not isTogether or not self._isExact(key, read, group):
                inexact.update(positions)
        if inexact:
            first, last = min(inexact), max(inexact)
            raw: list[Value] = [writeRaw(stanza, c) for c in content[first : last + 1]]
            found[first] = found.get(first, {}) | {"xml": raw}
        return {k: v for position in sorted(found) for k, v in found[position].items()}

    def _keys(self, child: Element | str) -> list[str]:
        """
        Return the keys that describe a child; none for a large child, which would take
        long.
        """
        if isinstance(child, str) or hasMoreElementsThan(child, MAX_ELEMENTS):
            return []
        return self._index.get((child.uri, child.name), [])

    def _read(self, stanza: Element, child: Element | str) -> dict[str, Value]:
        """Return the values of all keys that describe a child."""
        isResult = stanza.getAttribute("type") == "result"
        read: dict[str, Value] = {}
        for key in self._keys(child):
            field = self.fields[key]
            try:
                value = field.slot.read(stanza)
            except (NotRepresentable, Refusal):
                continue
            read[key] = field.emptyResult if isResult and value is True else value
        return read

    def _isExact(
        self, key: str, read: Mapping[str, Value], group: list[Element | str]
    ) -> bool:
        """Whether a key's value holds everything that its children hold."""
        if key not in read:
            return False
        probe = make(self.kind, {})
        try:
            self.fields[key].slot.write(read[key], key, probe)
        except Refusal:
            return False
        made = probe.children
        return len(made) == len(group) and all(map(_isSame, made, group))

    def shadowedKeys(
        self, value: Mapping[str, Value], raw: Iterable[Element | str]
    ) -> set[str]:
        """
        Return the keys that do not count, because another key or C{xml} describes the
        same element.

        @param raw: The content of C{xml}.
        """
        keys = {key for child in raw for key in self._keys(child)}
        if self._sharedKeys.isdisjoint(value):
            return keys
        for shared in self._shared:
            present = [key for key in shared if value.get(key) is not None]
            keys.update(present[:-1])
        return keys


def _isSpace(child: Element | str) -> bool:
    """Whether a child is only white space (XML 1.0 §2.3)."""
    return isinstance(child, str) and not child.strip(" \t\r\n")


def _isSame(made: Element | str, other: Element | str) -> bool:
    """
    Whether two pieces of content are equal.

    @param made: The one made from JSON.
    """
    if isinstance(made, str) or isinstance(other, str):
        return made == other
    return (
        made.name == other.name
        and made.uri == other.uri
        and (not other.localPrefixes or made.localPrefixes == other.localPrefixes)
        and made.attributes == other.attributes
        and len(made.children) == len(other.children)
        and all(map(_isSame, made.children, other.children))
    )
