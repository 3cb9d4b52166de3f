"""Elements as values, so that two of them can be compared, whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from twisted.words.xish.domish import Element

#: A namespace and a local name.
QName: TypeAlias = tuple[str, str]

#: Namespace, name, attributes in order, content with its text in one piece.
Canonical: TypeAlias = tuple[
    str, str, tuple[tuple[QName, str], ...], tuple["Canonical | str", ...]
]


def canonical(element: Element) -> Canonical:
    """
    Return the content of an element independent of its form: prefixes, the order of
    attributes and pieces of text make no difference.

    @param element: Each element in it has a namespace, or an empty one.
    """
    attributes = sorted(
        (key if isinstance(key, tuple) else ("", key), value)
        for key, value in element.attributes.items()
    )
    return (element.uri, element.name, tuple(attributes), tuple(_content(element)))


def _content(element: Element) -> Iterator[Canonical | str]:
    text = ""
    for child in element.children:
        if isinstance(child, str):
            text += child
            continue
        if text:
            yield text
        text = ""
        yield canonical(child)
    if text:
        yield text
