"""
Resolves the names in a stream (XML Namespaces 1.0), more leniently than expat.

Any remote user can send C{<xml:a/>}. Prosody and ejabberd pass it on as C{<a
xmlns='http://www.w3.org/XML/1998/namespace'/>}, which is not well-formed. Expat's own
resolution would end the stream because of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..core.stanza import namespaces as ns
from ..core.stanza.parser import Name

_Scope = Mapping[str, str]

#: XML Namespaces 1.0 §3
_OUTSIDE: _Scope = {"": "", "xml": ns.XML}
_NO_PREFIXES: Mapping[str, str] = {}


class NamespaceScope:
    """
    The namespace prefixes that are bound at the position of the parser.
    """

    def __init__(self) -> None:
        self._scopes: list[_Scope] = [_OUTSIDE]

    def open(
        self, name: str, attributes: dict[str, str]
    ) -> tuple[str, str, dict[Name, str], Mapping[str, str]]:
        """
        Enter an element.

        @param name: The name as it is written, C{"prefix:local"}.
        @param attributes: The attributes as they are written, with declarations.
        @return: The namespace, empty for none; the local name; the attributes without
            declarations, by C{"local"} or C{(namespace, local)}; and the prefixes that
            the element declares.
        """
        scope = self._scopes[-1]
        plain: dict[Name, str] = {}
        declared: dict[str, str] | None = None
        prefixed: list[str] | None = None
        for key, value in attributes.items():
            if key.startswith("xmlns") and key[5:6] in ("", ":"):
                declared = declared or {}
                declared[key[6:]] = value
            elif ":" in key:
                prefixed = prefixed or []
                prefixed.append(key)
            else:
                plain[key] = value
        if declared is not None:
            scope = {**scope, **declared}
            declared.pop("", None)
        self._scopes.append(scope)
        for key in prefixed or ():
            uri, local = _resolve(scope, key)
            plain[(uri, local) if uri else local] = attributes[key]
        if ":" in name:
            uri, name = _resolve(scope, name)
        else:
            uri = scope[""]
        return uri, name, plain, declared or _NO_PREFIXES

    def close(self, depth: int) -> None:
        """
        Leave elements.

        @param depth: The number of elements that are still open.
        """
        del self._scopes[depth + 1 :]


def _resolve(scope: _Scope, name: str) -> tuple[str, str]:
    """Divide a name into its namespace, empty for an unbound prefix, and the rest."""
    prefix, _, local = name.rpartition(":")
    return scope.get(prefix, ""), local
