"""
Resolves the names in a stream (XML Namespaces 1.0), and forgives where expat does not.

Prosody and ejabberd write a stranger's C{<xml:a/>} as
C{<a xmlns='http://www.w3.org/XML/1998/namespace'/>}, which is in no order. Expat's own
resolution would close the stream over it, for everybody.
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
    The prefixes that are bound where the parser is.
    """

    def __init__(self) -> None:
        self._scopes: list[_Scope] = [_OUTSIDE]

    def open(
        self, name: str, attributes: Mapping[str, str]
    ) -> tuple[str, dict[str, str], dict[str, str]]:
        """
        An element opens.

        @param name: As it is written, C{"prefix:local"}.
        @param attributes: As they are written, declarations included.
        @return: The name and the attributes as expat would have them, and the
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
        Elements have closed.

        @param depth: How many are open still.
        """
        del self._scopes[depth + 1 :]


def _join(scope: _Scope, name: str) -> str:
    """A name, after its namespace; a prefix that is bound to nothing means none."""
    prefix, _, local = name.rpartition(":")
    uri = scope.get(prefix, "")
    return f"{uri}{SEPARATOR}{local}" if uri else local
