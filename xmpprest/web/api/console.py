"""
The console at C{/rest/console/}: a page on which a person sees the gateway work. It
uses nothing but what C{/rest} offers to everybody.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from ..response import Response
from ..static import TYPES, StaticFiles, pageHeaders

PAGE = "console"

#: Nothing that comes from elsewhere can become code, not by mistake either
#: (https://www.w3.org/TR/trusted-types/).
_SECURITY = pageHeaders("; require-trusted-types-for 'script'; trusted-types 'none'")


class ConsolePage(StaticFiles):
    """
    Serves the console.
    """

    def __init__(self) -> None:
        """
        @raise OSError: Its files are not where they should be.
        """
        super().__init__(PAGE, _files())


@cache
def _files() -> dict[str, Response]:
    """By their paths; read once."""
    found: dict[str, Response] = {}
    for file in (resources.files("xmpprest") / PAGE).iterdir():
        contentType = TYPES.get(file.name.rpartition(".")[2])
        if contentType is not None:
            response = Response(200, file.read_bytes(), contentType, security=_SECURITY)
            found[PAGE if file.name == "index.html" else f"{PAGE}/{file.name}"] = (
                response
            )
    return found
