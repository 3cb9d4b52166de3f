"""C{/rest/bots}: the presence, profile and contacts of the gateway's addresses."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.web.server import Request

from ...core.bots.contact import (
    Contact,
    Resource,
    contactToJSON,
    parseContactRequest,
)
from ...core.bots.presentation import Presentation
from ...core.bots.profile import Bot, profileToJSON
from ...core.codec.scalars import quoteShort
from ...core.errors import badRequest, forbidden
from ...core.media import formats
from ...core.media.values import Value, toJSON
from ...core.policy.permissions import Grant
from ...core.stanza import jid
from ..json_body import parseJSON
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory

#: Contacts that are written in one reactor turn.
SLICE = 250


class BotEntry(Protocol):
    """A bot with its contacts."""

    @property
    def presentation(self) -> Presentation:
        """The bot as its contacts see it."""

    @property
    def contacts(self) -> Mapping[str, Contact]:
        """The contacts by their addresses."""

    def resourcesOf(self, contact: str) -> Mapping[str, Resource]:
        """Return the available resources of a contact, by name."""


class Bots(Protocol):
    """The bots. Each call may raise L{Refusal}, each change L{StoreUnavailable}."""

    async def list(self) -> Sequence[BotEntry]:
        """Return all bots."""

    async def get(self, jid: str) -> BotEntry:
        """Return a bot by its bare address."""

    def put(self, jid: str, body: Value) -> Awaitable[Bot]:
        """Add or change a bot."""

    def delete(self, jid: str) -> Awaitable[None]:
        """Delete a bot."""

    def approve(
        self, jid: str, contact: str, name: str | None, *, subscribes: bool
    ) -> Awaitable[Contact]:
        """Approve a contact."""

    def cancel(self, jid: str, contact: str) -> Awaitable[None]:
        """Cancel both directions of a contact's subscription."""


@dataclass(frozen=True, slots=True)
class BotsHandler:
    """
    Shows and changes bots. A token sees those that it may send from. A change is
    announced by presence, which the token must be allowed to send, and counts as one
    stanza.

    @ivar bots: The bots.
    @ivar domain: The component domain.
    @ivar clock: Lets other work go on while a long list is written.
    """

    bots: Bots
    domain: str
    clock: IReactorTime

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """The routes, by their path below C{/rest}."""
        return {
            "bots": Route({"GET": self.list}, permission="bots"),
            "bots/{id}": lambda bot: Route(
                {
                    "GET": partial(self.get, bot),
                    "PUT": partial(self.put, bot),
                    "DELETE": partial(self.delete, bot),
                },
                permission="bots",
            ),
            "bots/{id}/contacts": lambda bot: Route(
                {"GET": partial(self.contacts, bot)}, permission="bots"
            ),
            "bots/{id}/contacts/{contact}": lambda bot, contact: Route(
                {
                    "PUT": partial(self.approve, bot, contact),
                    "DELETE": partial(self.cancel, bot, contact),
                },
                permission="bots",
            ),
        }

    async def list(self, request: Request, body: bytes, grant: Grant) -> Response:
        """Return the bots that a token may see."""
        found = await self.bots.list()
        return jsonResponse(
            200,
            [
                profileToJSON(each.presentation.bot)
                for each in found
                if each.presentation.bot.jid in grant.senders
            ],
        )

    async def get(
        self, bot: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return a bot.

        @raise Refusal: 404 if there is none; 403 if the token may not send from it.
        """
        entry = await self.bots.get(self._address(bot, grant))
        return jsonResponse(200, profileToJSON(entry.presentation.bot))

    async def put(
        self, bot: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Add or change a bot.

        @raise Refusal: 403 for another domain, an address that the token may not send
            from, or a token that may not send presence; 422 for an impossible profile;
            429 if the rate limit is reached.
        """
        address = self._changeable(bot, grant)
        profile = _objectOf(request, body)
        grant.consumeRateLimit()
        changed = await self.bots.put(address, profile)
        return jsonResponse(200, profileToJSON(changed))

    async def delete(
        self, bot: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Delete a bot, and cancel its subscriptions.

        @raise Refusal: 403 if the token may not send from it, or no presence; 404 if
            there is none; 429 if the rate limit is reached; 503 without a stream.
        """
        address = self._changeable(bot, grant)
        grant.consumeRateLimit()
        await self.bots.delete(address)
        return Response(204)

    async def contacts(
        self, bot: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Return the contacts of a bot.

        @raise Refusal: 404 if there is no such bot.
        """
        entry = await self.bots.get(self._address(bot, grant))
        contacts = iter(sorted(entry.contacts))
        if len(entry.contacts) <= SLICE:
            return jsonResponse(200, [*_contacts(entry, contacts)])
        chunks = self._pieces(entry, contacts)
        return Response(200, contentType=formats.JSON, chunks=chunks)

    async def _pieces(
        self, entry: BotEntry, contacts: Iterator[str]
    ) -> AsyncGenerator[bytes]:
        """Write a long list of contacts as JSON, in many reactor turns."""
        before = b"["
        while some := [*islice(contacts, SLICE)]:
            values = [toJSON(each) for each in _contacts(entry, iter(some))]
            if values:
                yield before + b",".join(values)
                before = b","
            await deferLater(self.clock, 0)
        yield b"]\n" if before == b"," else b"[]\n"

    async def approve(
        self, bot: str, contact: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Approve a contact, and subscribe to it if the body says so.

        @raise Refusal: 403 if the token may not send presence from the bot to the
            contact; 404 if there is no such bot; 422 for an invalid body; 429 if the
            rate limit is reached; 503 if the contact must be told and there is no
            stream.
        """
        address, other = self._changeable(bot, grant), _recipient(contact, grant)
        wanted = parseContactRequest(_objectOf(request, body))
        grant.consumeRateLimit()
        found = await self.bots.approve(
            address, other, wanted.name, subscribes=wanted.subscribes
        )
        entry = await self.bots.get(address)
        return jsonResponse(200, contactToJSON(found, entry.resourcesOf(other)))

    async def cancel(
        self, bot: str, contact: str, request: Request, body: bytes, grant: Grant
    ) -> Response:
        """
        Cancel both directions of a contact's subscription.

        @raise Refusal: 403 if the token may not send presence from the bot to the
            contact; 404 if there is no such bot or contact; 429 if the rate limit is
            reached; 503 if the contact must be told and there is no stream.
        """
        address, other = self._changeable(bot, grant), _recipient(contact, grant)
        grant.consumeRateLimit()
        await self.bots.cancel(address, other)
        return Response(204)

    def _changeable(self, bot: str, grant: Grant) -> str:
        """
        Return the address of a bot that is to be changed, in its normal form.

        @raise Refusal: 400 if it is malformed; 403 for another domain, or if the token
            may not send from it, or no presence.
        """
        address = self._address(bot, grant)
        grant.requireKind("presence")
        return address

    def _address(self, bot: str, grant: Grant) -> str:
        """
        Return the address of a bot in its normal form.

        @raise Refusal: 400 if it is malformed; 403 for another domain, or if the token
            may not send from it.
        """
        address = _bareAddress(bot)
        if address.domain != self.domain:
            raise forbidden(
                f"A bot must have an address at {self.domain}, the domain of this"
                f" gateway, not {quoteShort(bot)}."
            )
        if str(address) not in grant.senders:
            raise forbidden(
                f"{grant} may not send from {quoteShort(str(address))}, and so not"
                " manage this bot."
            )
        return str(address)


def _contacts(entry: BotEntry, addresses: Iterator[str]) -> Iterator[Value]:
    for each in addresses:
        contact = entry.contacts.get(each)
        if contact is not None:
            yield contactToJSON(contact, entry.resourcesOf(each))


def _objectOf(request: Request, body: bytes) -> Value:
    """Parse a body of JSON; without a body, nothing is to be changed."""
    return parseJSON(request, body) if body else {}


def _recipient(contact: str, grant: Grant) -> str:
    """
    Return the address of a contact in its normal form.

    @raise Refusal: 400 if it is malformed, or has a resource; 403 if the token may not
        send to it.
    """
    address = str(_bareAddress(contact))
    grant.requireRecipient(address)
    return address


def _bareAddress(text: str) -> jid.JID:
    """
    Parse the address of a bot or a contact.

    @raise Refusal: 400 if it is malformed, or has a resource.
    """
    try:
        address = jid.parseJID(text)
    except ValueError as reason:
        raise badRequest(
            f"{quoteShort(text)} in the path is not an XMPP address: {reason}."
        ) from None
    if address.resource:
        raise badRequest(
            f"{quoteShort(text)} in the path has a resource; leave out the '/' and what"
            " is behind it."
        )
    return address
