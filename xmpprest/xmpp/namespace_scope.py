"""
Resolves the names in a stream (XML Namespaces 1.0), more leniently than expat.

Prosody and ejabberd write C{<xml:a/>} from a stranger as C{<a
xmlns='http://www.w3.org/XML/1998/namespace'/>}, which is not well-formed. Expat's own
resolution would end the stream because of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.stanza import namespaces as ns
from ..core.stanza.parser import SEPARATOR

_Scope = Mapping[str, str]

#: XML Namespaces 1.0 §3
_OUTSIDE: _Scope = {"": "", "xml": ns.XML}


class NamespaceScope:
    """
    The namespace prefixes that are bound at the position of the parser.
    """

    def __init__(self) -> None:
        self._scopes: list[_Scope] = [_OUTSIDE]

    def open(
        self, name: str, attributes: Mapping[str, str]
    ) -> tuple[str, dict[str, str], dict[str, str]]:
        """
        Enter an element.

        @param name: The name as it is written, C{"prefix:local"}.
        @param attributes: The attributes as they are written, with declarations.
        @return: The name and the attributes as expat would return them, and the
            prefixes that the element declares.
        """
        scope, declared = self._scopes[-1], {}
        for key, value in attributes.items():
            if key.startswith("xmlns") and key[5:6] in ("", ":"):
                declared[key[6:]] = value
        if declared:
            scope = {**scope, **declared}
        self._scopes.append(scope)
        qualified = {
            _join(scope, key) if ":" in key else key: value
            for key, value in attributes.items()
            if not (declared and key.startswith("xmlns") and key[6:] in declared)
        }
        declared.pop("", None)
        return _join(scope, name), qualified, declared

    def close(self, depth: int) -> None:
        """
        Leave elements.

        @param depth: The number of elements that are still open.
        """
        del self._scopes[depth + 1 :]


def _join(scope: _Scope, name: str) -> str:
    """Put the namespace of a name before it; an unbound prefix means no namespace."""
    prefix, _, local = name.rpartition(":")
    uri = scope.get(prefix, "")
    return f"{uri}{SEPARATOR}{local}" if uri else local
