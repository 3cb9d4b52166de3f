"""
The parameters of a connection: a URL or keywords of libpq.

libpq would block the reactor while it looks up a host name, so the names are looked up
by the reactor before each attempt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import OperationalError
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from .errors import ConnectionFailed

#: Parameters that the gateway adds unless they are given. The system finds a broken
#: connection within 15 s.
_DEFAULTS: Mapping[str, str] = {
    "application_name": "xmpprest",
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}


def parse(written: str) -> Mapping[str, str]:
    """
    Parse a URL or keywords.

    @raise ValueError: It is malformed; the message does not repeat it, since it may
        have a password.
    """
    try:
        options = Conninfo.parse(written.encode())
    except OperationalError:
        raise ValueError(
            "libpq cannot read it: expected a URL like"
            " postgresql://ROLE@HOST:5432/DATABASE, or keywords like"
            " postgresql:host=HOST dbname=DATABASE"
        ) from None
    return {
        each.keyword.decode(): each.val.decode()
        for each in options
        if each.val is not None
    }


class Conninfos:
    """
    The parameters of one attempt to connect after the other. With several servers, each
    attempt begins with the next one.

    @ivar place: Where the database is, without a password, to begin sentences with.
    """

    def __init__(self, written: str, password: str | None, reactor: Any) -> None:
        """
        @param password: The password of the role, unless libpq finds it itself.
        @param reactor: Looks up names, once it runs.
        @raise ValueError: The URL or the keywords are malformed.
        """
        self._given = {**_DEFAULTS, **parse(written)}
        if password is not None:
            self._given["password"] = password
        defaults = {
            each.keyword.decode(): each.val.decode()
            for each in Conninfo.get_defaults()
            if each.val is not None
        }
        self._hosts = self._given.get("host", defaults.get("host", "")).split(",")
        if len(self._hosts) > 1:
            self._given.setdefault("target_session_attrs", "read-write")
        self._ports = self._given.get("port", defaults.get("port", "")).split(",")
        self._reactor = reactor
        self._attempts = 0
        name = self._given.get("dbname", defaults.get("dbname", ""))
        role = self._given.get("user", defaults.get("user", ""))
        where = ",".join(each for each in self._hosts if each) or "the local socket"
        self.place = f"The database {name or role} at {where}"

    async def next(self) -> bytes:
        """
        Return the parameters of the next attempt.

        @raise ConnectionFailed: No host has an address.
        """
        return self.make(await self._addresses())

    def make(self, addresses: Sequence[str] | None = None) -> bytes:
        """
        Return the parameters of the next attempt.

        @param addresses: The address of each host; empty for one that needs no lookup.
            C{None} if libpq shall look them up.
        """
        given = dict(self._given)
        first = self._attempts % len(self._hosts)
        self._attempts += 1
        if len(self._hosts) > 1:
            given["host"] = ",".join(_turn(self._hosts, first))
            if len(self._ports) > 1:
                given["port"] = ",".join(_turn(self._ports, first))
        if addresses is not None and any(addresses):
            given["hostaddr"] = ",".join(_turn(addresses, first))
        return make_conninfo("", **given).encode()

    async def _addresses(self) -> Sequence[str] | None:
        isOwn = "hostaddr" in self._given or "service" in self._given
        if isOwn or not self._reactor.running:
            return None
        return [await self._lookUp(each) for each in self._hosts]

    async def _lookUp(self, host: str) -> str:
        isPath = host.startswith(("/", "@"))
        if not host or isPath or isIPAddress(host) or isIPv6Address(host):
            return ""
        receiver = _Receiver()
        self._reactor.nameResolver.resolveHostName(receiver, host)
        found = await receiver.done
        if found is None and len(self._hosts) == 1:
            raise ConnectionFailed(f"the name {host} has no address")
        return found or ""


def _turn(items: Sequence[str], first: int) -> Sequence[str]:
    return [*items[first:], *items[:first]]


@implementer(IResolutionReceiver)
class _Receiver:
    """
    Takes the first address of a name.

    @ivar done: Fires with the address; C{None} if there is none.
    """

    def __init__(self) -> None:
        self.done: Deferred[str | None] = Deferred()
        self._found: str | None = None

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        """Ignore the beginning."""

    def addressResolved(self, address: IAddress) -> None:
        """Take an address."""
        self._found = self._found or getattr(address, "host", None)

    def resolutionComplete(self) -> None:
        """Report the address."""
        self.done.callback(self._found)
