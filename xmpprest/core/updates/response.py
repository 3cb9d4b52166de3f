"""The response of a client to an update, as a callback would give it."""

from __future__ import annotations

from ..codec.scalars import quoteShort
from ..errors import Problem, Refusal, unprocessable
from ..media import formats
from ..policy.callback_response import CallbackResponse, ReplyPlan

#: Status of an update that C{after} acknowledges (RFC 9110 §15.3.3).
ACKNOWLEDGED = CallbackResponse(202)


def responseTo(
    status: int | None, contentType: str | None, body: bytes
) -> CallbackResponse:
    """
    Return the response that C{POST /rest/updates/{id}} stands for.

    @param status: The HTTP status that a callback would respond with; C{None} for 200,
        or 204 without a body.
    @param contentType: The media type of the body.
    @raise Refusal: 415, a callback's reply has no such media type.
    """
    if status is None:
        status = 200 if body else 204
    response = CallbackResponse(status, contentType, body)
    if body and response.isSuccess and status not in (202, 204):
        formats.formatOf(contentType)
    return response


def requireFaultless(plan: ReplyPlan) -> None:
    """
    Check that a client's response has no fault. A callback's fault is logged; a client
    can be told.

    @raise Refusal: 422, the response has a fault.
    """
    if plan.complaint is not None:
        raise unprocessable(
            "bad-format",
            "The update is not answered, and not acknowledged:"
            f" {plan.complaint.reason}",
            plan.complaint.key,
        )


def settled(id: str) -> Refusal:
    """Make the refusal of a second response to an update: 409."""
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            f"The update {quoteShort(id)} is settled already: it was acknowledged or"
            " answered, or it has expired.",
        )
    )


def displaced(callback: str) -> Refusal:
    """Make the refusal of a request whose place another one has taken: 409."""
    return Refusal(
        Problem(
            409,
            "cancel",
            "conflict",
            f"Another request fetches the updates of the callback {callback} now: only"
            " one client may do so at a time.",
        )
    )
