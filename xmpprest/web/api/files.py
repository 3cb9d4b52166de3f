"""C{/rest/files}: uploads files to the XMPP server's upload service."""

from __future__ import annotations

from twisted.web.server import Request

from ...core.errors import forbidden, unprocessable
from ...core.policy.authentication import Authenticator, CurrentGrant
from ...core.policy.permissions import Grant
from ..idempotency.guard import IdempotencyGuard
from ..idempotency.key import idempotencyKeyOf
from ..response import Response, jsonResponse
from ..router import Route, RouteFactory, StreamingHandler
from ..server.body import Body
from ..server.request import acceptsOf, authorizationOf
from .upload_interfaces import FileForm
from .uploads import UploadDesk, fingerprintOf


class FilesHandler:
    """
    Uploads files.
    """

    def __init__(
        self, desk: UploadDesk, once: IdempotencyGuard, authenticator: Authenticator
    ) -> None:
        """@param once: Guards requests with an idempotency key."""
        self._desk = desk
        self._once = once
        self._authenticator = authenticator

    @property
    def routes(self) -> dict[str, Route | RouteFactory]:
        """Return the routes below C{/rest}."""
        return {"files": Route({"POST": StreamingHandler(self.post)})}

    async def post(self, request: Request, body: Body, grant: Grant) -> Response:
        """
        Upload the file of a form.

        @raise Refusal: 403, the token may not send messages; 400, 415 or 422, the form
            is invalid; 413, the file is too large; 404, 503 or 504, there is no service
            that takes it.
        """
        if "message" not in grant.kinds:
            raise forbidden(f"{grant} may not upload files, only senders of messages.")
        grant.consumeRateLimit()
        current = CurrentGrant(self._authenticator, authorizationOf(request), grant)
        with self._desk.place(grant.name):
            await self._desk.begin(request)
            with self._desk.form(request) as form:
                await self._desk.read(form, body)
                # The token may have been revoked while the body arrived.
                return await self._upload(form, request, current.get())

    async def _upload(self, form: FileForm, request: Request, grant: Grant) -> Response:
        if len(form.files) > 1 or form.fields:
            raise unprocessable(
                "bad-format",
                "The form must have one field 'file' and no other one; POST several"
                " files, or a text, to /rest/message/{type}/{to}.",
            )
        (part,) = form.files
        claim = idempotencyKeyOf(request, fingerprintOf(form), grant, contentType="")

        async def act() -> Response:
            (file,) = await self._desk.upload([(part.spool, part.details)])
            return jsonResponse(
                200,
                {key: file.value[key] for key in ("url", "size", "type", "sha-256")},
            )

        return await self._once.run(claim, acceptsOf(request), act)
