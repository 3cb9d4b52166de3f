"""Finds the upload service (XEP-0363), and remembers it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element

from ..concurrency.waiters import Waiters
from ..core.errors import Refusal
from ..core.files.service import (
    UploadService,
    infoQuery,
    itemsQuery,
    noService,
    parseInfo,
    parseItems,
    serverOf,
)
from ..core.live import Live, LiveSettings
from ..ids import newID

#: Seconds that an entity has for its reply.
TIMEOUT = 10.0


class IQRequester(Protocol):
    """The part of the component that sends iqs."""

    def request(self, stanza: Element, timeout: float) -> Awaitable[Sequence[Element]]:
        """Send an iq and wait for the reply, the last item; raises L{Refusal}."""


class ServiceFinder:
    """
    Finds the upload service: that of the settings, or else the first one that the
    gateway's server lists.

    An observer of the stream: a new one may lead to another server.

    @ivar known: The service that was found last; C{None} if it is to be found anew.
    """

    def __init__(
        self, requester: IQRequester, domain: str, settings: Live[LiveSettings]
    ) -> None:
        """@param domain: The component domain, which asks."""
        self._requester = requester
        self._domain = domain
        self._settings = settings
        self._known: UploadService | None = None
        self._waiters: Waiters[UploadService] = Waiters()
        self._isSearching = False

    @property
    def known(self) -> UploadService | None:
        """The service, if it was found before and the settings name no other one."""
        wanted = self._settings.value.uploadService
        known = self._known
        return known if known and wanted in (None, known.address) else None

    def forget(self) -> None:
        """Find the service anew for the next file."""
        self._known = None

    def connected(self) -> None:
        """Find the service anew: the server may be another one."""
        self.forget()

    def disconnected(self) -> None:
        """Do nothing."""

    async def find(self) -> UploadService:
        """
        Return the upload service. Callers at the same time share one search.

        @raise Refusal: 404, there is none; 503 or 504, the server cannot be asked now.
        """
        known = self.known
        if known is not None:
            return known
        waiter = self._waiters.wait()
        if not self._isSearching:
            self._isSearching = True
            # A caller that leaves does not end the search of the others.
            searching = Deferred.fromCoroutine(self._search())
            searching.addCallbacks(self._found, self._failed)
        return await waiter

    def _found(self, service: UploadService) -> None:
        self._isSearching = False
        self._known = service
        self._waiters.release(service)

    def _failed(self, reason: Failure) -> None:
        self._isSearching = False
        self._waiters.fail(cast(Exception, reason.value))

    async def _search(self) -> UploadService:
        wanted = self._settings.value.uploadService
        if wanted is not None:
            # The service may not say what it is; the request of a slot shows that.
            return await self._ask(wanted) or UploadService(wanted)
        server = serverOf(self._domain)
        if not server:
            raise noService("")
        found = await self._ask(server)
        if found is not None:
            return found
        query = itemsQuery(server, self._domain, newID())
        replies = await self._requester.request(query, TIMEOUT)
        items = [each for each in parseItems(replies[-1]) if each != self._domain]
        asking = [Deferred.fromCoroutine(self._ask(each)) for each in items]
        services = await gatherResults(asking, consumeErrors=True)
        for found in services:
            if found is not None:
                return found
        raise noService(server)

    async def _ask(self, address: str) -> UploadService | None:
        """
        Ask an entity what it is.

        @return: C{None} if it is no upload service, or does not reply.
        @raise Refusal: 503, there is no stream to the server.
        """
        query = infoQuery(address, self._domain, newID())
        try:
            replies = await self._requester.request(query, TIMEOUT)
        except Refusal as refusal:
            if refusal.problem.status == 504:
                return None
            raise
        return parseInfo(address, replies[-1])
