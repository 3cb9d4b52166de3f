"""Protects a site without credentials from the web pages that a browser shows."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address

from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request
from zope.interface import implementer

from ...core.codec.scalars import quoteShort
from ...core.errors import Problem
from ..server.request import IHeadResource, header
from ..server.write import problemResponse, write

#: The host and the port of a Host header field (RFC 9110 §7.2).
_AUTHORITY = re.compile(r"(\[[^]]*\]|[^:]*)(?::[0-9]*)?")


class OwnHostRoot(Resource):
    """
    A root that answers only requests to the gateway's own host, else with 421.

    A web page can let a name of its own domain stand for the address of this site (DNS
    rebinding); the browser then shows it the answers. So the Host must be no name that
    a stranger can own: an address, C{localhost}, a name without a dot, or the name of
    this machine.
    """

    def __init__(self, root: IResource, hostname: str | None = None) -> None:
        """
        @param root: The resource that answers.
        @param hostname: The name of this machine; C{None} to ask the system.
        """
        super().__init__()
        self._root = root
        self._hostname = (hostname or socket.gethostname()).lower()

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """Find the resource below the root."""
        if self._isOwn(header(request, b"host") or ""):
            child: IResource = self._root.getChildWithDefault(path, request)
            return child
        return _Misdirected()

    def _isOwn(self, authority: str) -> bool:
        found = _AUTHORITY.fullmatch(authority.lower())
        if found is None:
            return False
        host = found[1].removesuffix(".")
        if "." not in host or host == self._hostname or host.endswith(".localhost"):
            return True
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True


@implementer(IHeadResource)
class _Misdirected(Resource):
    """Answers a request to another host (RFC 9110 §15.5.20)."""

    isLeaf = True

    def render(self, request: Request) -> int:
        """Write 421."""
        host = quoteShort(header(request, b"host") or "")
        problem = Problem(
            421,
            "cancel",
            "not-allowed",
            f"The Host {host} is not this gateway's: use its address, localhost, or the"
            " name of its machine.",
        )
        write(problemResponse(problem, request), request)
        return NOT_DONE_YET
