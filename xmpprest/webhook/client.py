"""Posts stanzas to a callback in its format and returns the response."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.http_headers import Headers
from twisted.words.xish.domish import Element

from .._version import __version__
from ..core.codec.mapping import UNTYPED
from ..core.errors import REPORT_BUG
from ..core.media import formats
from ..core.media.framing import NDJSON
from ..core.media.negotiation import negotiate
from ..core.policy.callback_response import CallbackResponse
from ..core.stanza.build import LANG, META, TYPES
from ..core.stanza.stored import withImpliedNamespace
from ..core.webhook.errors import DeliveryError
from ..core.webhook.signing import Signer
from ..core.webhook.url_template import URLTemplate
from .http_client import BoundedClient, HTTPResponse

_log = Logger()

#: RFC 5646 §2.1, as far as it can be told without the registry.
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")

#: Media types that a callback may respond with, to a stanza and to a batch.
_ACCEPT, _LINES = formats.INPUT_TYPES.encode(), NDJSON.encode()
_NO_CONTENT = CallbackResponse(204)

#: What an untyped stanza is called.
_DEFAULT_TYPE = {**UNTYPED, "iq": "get"}


def _type(stanza: Element) -> str:
    """Return the type of a stanza; an unknown one counts as none (RFC 6121 §5.2.2)."""
    type = stanza.getAttribute("type")
    known = type is not None and type in TYPES.get(stanza.name, (type,))
    return str(type) if known else _DEFAULT_TYPE[stanza.name]


class WebhookClient(Service):
    """
    Client of one callback.

    @ivar contentType: Media type of posted stanzas.
    """

    def __init__(
        self,
        client: BoundedClient,
        url: str,
        contentType: str,
        domain: str,
        *,
        signer: Signer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """
        @param url: See L{URLTemplate}.
        @param contentType: One of L{formats.OUTPUT_TYPES}, until the callback itself
            has named another.
        @param domain: The component domain.
        @param signer: Signs requests; C{None} for unsigned ones.
        @param now: Seconds since 1970, which a callback compares with its own clock.
        """
        self._client = client
        self._url = URLTemplate(url)
        self._domain = domain
        self._signer = Signer() if signer is None else signer
        self._now = now
        #: The URL of all stanzas; C{None} if it has placeholders.
        self._fixedURL = None if self._url.names else self._url.expand({})
        self._fields = [
            # Agent copies headers, to add the host, unless they have it.
            (b"Host", _hostOf(self._url)),
            (b"User-Agent", f"xmpprest/{__version__}".encode()),
        ]
        if self._url.authorization is not None:
            self._fields.append((b"Authorization", self._url.authorization.encode()))
        self.contentType = contentType

    def startService(self) -> None:
        """Ask the callback for its format; stanzas do not wait for that."""
        super().startService()
        self._discovering = Deferred.fromCoroutine(self.discover())
        self._discovering.addErrback(self._undiscovered)

    def stopService(self) -> Deferred[object]:
        """Close the connections to the callback."""
        super().stopService()
        self._discovering.cancel()
        return self._client.close()

    def _undiscovered(self, reason: Failure) -> None:
        if not reason.check(CancelledError):
            _log.failure(
                "The OPTIONS request crashed; stanzas are POSTed anyway. " + REPORT_BUG,
                failure=reason,
            )

    async def discover(self) -> None:
        """
        Ask the callback for its format, by an C{OPTIONS} request.
        """
        values = {
            "kind": "meta",
            "type": "info",
            "to": self._domain,
            "from": self._domain,
        }
        try:
            said = await self._client.request(
                b"OPTIONS", self._url.expand(values), self._headersWith()
            )
        except DeliveryError as reason:
            _log.warn(
                "The callback {url} does not answer the OPTIONS request ({reason});"
                " stanzas are POSTed to it anyway.",
                url=self._url,
                reason=reason,
            )
            return
        accept = said.header("Accept")
        if said.status == 200 and accept:
            self.contentType = negotiate(accept, formats.OUTPUT_TYPES, self.contentType)

    def post(
        self, stanza: Element, id: str, xml: bytes = b"", *, isReflection: bool = False
    ) -> Deferred[CallbackResponse]:
        """
        Post a stanza.

        @param id: Its id in requests to the callback, the same in each attempt; see
            L{Signer.headers}.
        @param xml: Its XML as the store has it; empty if that is not in memory.
        @param isReflection: Whether it is marked as a reflection.
        @return: Fires with the callback's response; fails with L{DeliveryError}: there
            is no valid one.
        """
        isMarked = isReflection or stanza.name == META
        if isMarked and self.contentType not in formats.REFLECTION_TYPES:
            # XML has no form for reflections and for events of the gateway.
            return succeed(_NO_CONTENT)
        if isReflection:
            body = formats.encodeReflection(stanza, self.contentType)
        elif xml and self.contentType == formats.XML:
            body = withImpliedNamespace(xml)
        else:
            body = formats.encode([stanza], self.contentType)
        headers = self._headersWith(
            (b"Content-Type", self.contentType.encode()), (b"Accept", _ACCEPT)
        )
        language = stanza.attributes.get(LANG)
        if language and _LANGUAGE.fullmatch(language):
            headers.addRawHeader(b"Content-Language", language.encode())
        return self._send(self.urlOf(stanza), headers, body, id)

    def postBatch(
        self, url: bytes, lines: bytes, id: str
    ) -> Deferred[CallbackResponse]:
        """
        Post several stanzas in one request.

        @param url: The URL of each of them.
        @param lines: One line for each; see L{xmpprest.core.webhook.batch}.
        @param id: Id of the request.
        @return: Fires with the callback's response; fails with L{DeliveryError}: there
            is no valid one.
        """
        headers = self._headersWith((b"Content-Type", _LINES), (b"Accept", _LINES))
        return self._send(url, headers, lines, id)

    def urlOf(self, stanza: Element) -> bytes:
        """Return the URL that a stanza is posted to."""
        if self._fixedURL is not None:
            return self._fixedURL
        return self._url.expand(
            {
                "kind": stanza.name,
                "type": _type(stanza),
                "to": stanza.getAttribute("to", ""),
                "from": stanza.getAttribute("from", ""),
            }
        )

    def _headersWith(self, *fields: tuple[bytes, bytes]) -> Headers:
        """Return the headers of every request, and others."""
        headers = Headers()
        for name, value in (*self._fields, *fields):
            headers.addRawHeader(name, value)
        return headers

    def _send(
        self, url: bytes, headers: Headers, body: bytes, id: str
    ) -> Deferred[CallbackResponse]:
        for name, value in self._signer.headers(id, int(self._now()), body):
            headers.addRawHeader(name.encode(), value.encode())
        requesting = self._client.request(b"POST", url, headers, body)
        return Deferred.fromCoroutine(requesting).addCallback(_response)


def _hostOf(template: URLTemplate) -> bytes:
    """Return the value of C{Host} (RFC 9110 §7.2), which has no placeholders."""
    uri = URI.fromBytes(template.expand(dict.fromkeys(template.names, "")))
    host = b"[%s]" % uri.host if b":" in uri.host else uri.host
    isDefault = (uri.scheme, uri.port) in ((b"http", 80), (b"https", 443))
    return host if isDefault else b"%s:%d" % (host, uri.port)


def _response(said: HTTPResponse) -> CallbackResponse:
    if said.status == _NO_CONTENT.status:
        # Nothing in its headers counts.
        return _NO_CONTENT
    return CallbackResponse(
        said.status,
        said.header("Content-Type"),
        said.body,
        said.header("Retry-After"),
    )
