"""
The web console at C{/rest/console/}. It uses only routes of C{/rest} that every client
can use.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from ..response import Response
from ..static import TYPES, StaticFiles, pageHeaders

PAGE = "console"

#: Text from other users can never become code (https://www.w3.org/TR/trusted-types/).
_SECURITY = pageHeaders("; require-trusted-types-for 'script'; trusted-types 'none'")


class ConsolePage(StaticFiles):
    """
    Serves the console.
    """

    def __init__(self) -> None:
        """@raise OSError: A file of the console is missing."""
        super().__init__(PAGE, _files())


@cache
def _files() -> dict[str, Response]:
    """Read the files of the console, and return them by their paths."""
    found: dict[str, Response] = {}
    for file in (resources.files("xmpprest") / PAGE).iterdir():
        contentType = TYPES.get(file.name.rpartition(".")[2])
        if contentType is not None:
            response = Response(200, file.read_bytes(), contentType, security=_SECURITY)
            found[PAGE if file.name == "index.html" else f"{PAGE}/{file.name}"] = (
                response
            )
    return found
