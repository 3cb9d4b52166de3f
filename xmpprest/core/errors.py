"""
The one vocabulary of failure: what went wrong, as HTTP and as XMPP say it.

A failure is a L{Problem}, a value; L{Refusal} carries it through the code. Only
the edges turn it into an HTTP answer or into a stanza error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Problem:
    """
    What went wrong, and what to do about it.

    @ivar status: The HTTP status code (RFC 9110 §15).
    @ivar type: The stanza error type (RFC 6120 §8.3.2): C{auth}, C{cancel},
        C{modify} or C{wait}.
    @ivar condition: The name of the error condition, as of RFC 6120 §4.9.3.
    @ivar text: One sentence to a person: what is wrong and what to change.
    @ivar headers: HTTP header fields that belong to the status, such as
        C{Retry-After} with 503.
    """

    status: int
    type: str
    condition: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The reason phrase of the status (RFC 9110 §15)."""
        return reasonPhrase(self.status)


class Refusal(Exception):
    """
    Something was asked that is not done, for the reason in L{problem}.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def badRequest(text: str) -> Refusal:
    """Refuse a body that is no document of its declared type: 400."""
    return Refusal(Problem(400, "modify", "not-well-formed", text))


def unprocessable(condition: str, text: str) -> Refusal:
    """Refuse a well-formed document that is no proper stanza: 422."""
    return Refusal(Problem(422, "modify", condition, text))


def forbidden(text: str) -> Refusal:
    """Refuse what the credentials do not allow: 403."""
    return Refusal(Problem(403, "auth", "not-authorized", text))


def tooManyRequests(text: str, retryAfter: int) -> Refusal:
    """
    Refuse what is asked too often: 429 (RFC 6585 §4).

    @param retryAfter: When to try again, in seconds.
    """
    headers = (("Retry-After", str(retryAfter)),)
    return Refusal(Problem(429, "wait", "resource-constraint", text, headers))


def serviceUnavailable(condition: str, text: str, retryAfter: int) -> Refusal:
    """
    Refuse what could be done at another time: 503.

    @param retryAfter: When to try again, in seconds.
    """
    headers = (("Retry-After", str(retryAfter)),)
    return Refusal(Problem(503, "wait", condition, text, headers))


def notFound(text: str) -> Refusal:
    """Refuse what is about something that there is not: 404."""
    return Refusal(Problem(404, "cancel", "undefined-condition", text))


def storeUnavailable(reason: str) -> Refusal:
    """
    Refuse what needs the store, while nothing can be kept there: 503.

    @param reason: As in "the disk is full".
    """
    return serviceUnavailable(
        "resource-constraint",
        f"The gateway's store cannot be used at the moment ({reason}); try again.",
        retryAfter=5,
    )


#: The names that RFC 9110 gives, which Python learned only in 3.13.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


@lru_cache(maxsize=256)
def reasonPhrase(status: int) -> str:
    """
    The standard reason phrase of an HTTP status; never what a peer called it.

    @return: For example C{"Not Found"}; empty for a status that has none.
    """
    try:
        return _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class StanzaError:
    """
    A stanza error, as RFC 6120 §8.3 has it.

    @ivar type: C{auth}, C{cancel}, C{modify} or C{wait}.
    @ivar condition: A defined condition of RFC 6120 §8.3.3.
    @ivar text: A sentence to a person, or empty.
    """

    type: str
    condition: str
    text: str = ""


#: What an HTTP status of the callback means to the sender of the stanza: the
#: error's type and defined condition (RFC 6120 §8.3.3). 402 is not mod_rest's
#: C{payment-required}, which RFC 6120 no longer has.
ERROR_BY_STATUS = {
    400: ("modify", "bad-request"),
    401: ("auth", "not-authorized"),
    402: ("auth", "not-authorized"),
    403: ("auth", "forbidden"),
    404: ("cancel", "item-not-found"),
    405: ("cancel", "not-allowed"),
    406: ("modify", "not-acceptable"),
    407: ("auth", "registration-required"),
    408: ("wait", "remote-server-timeout"),
    409: ("cancel", "conflict"),
    410: ("cancel", "gone"),
    411: ("modify", "bad-request"),
    412: ("cancel", "conflict"),
    413: ("modify", "resource-constraint"),
    414: ("modify", "resource-constraint"),
    415: ("cancel", "feature-not-implemented"),
    416: ("modify", "bad-request"),
    422: ("modify", "bad-request"),
    423: ("wait", "resource-constraint"),
    429: ("wait", "resource-constraint"),
    431: ("modify", "resource-constraint"),
    451: ("auth", "forbidden"),
    500: ("wait", "internal-server-error"),
    501: ("cancel", "feature-not-implemented"),
    502: ("wait", "remote-server-timeout"),
    503: ("cancel", "service-unavailable"),
    504: ("wait", "remote-server-timeout"),
    507: ("wait", "resource-constraint"),
    511: ("auth", "not-authorized"),
}


def errorFromStatus(status: int) -> StanzaError:
    """
    The stanza error that an HTTP status of the callback stands for.

    @param status: Any status that is no success, 3xx included.
    """
    condition = ERROR_BY_STATUS.get(status, ("cancel", "undefined-condition"))
    return StanzaError(*condition, f"{status} {reasonPhrase(status)}".rstrip())


#: No callback wants the stanza, and nothing here answers it.
SERVICE_UNAVAILABLE = StanzaError("cancel", "service-unavailable")

#: The callback gave no answer.
RECIPIENT_UNAVAILABLE = StanzaError("wait", "recipient-unavailable")

#: The callback's answer, or what became of it, is of no use.
INTERNAL_SERVER_ERROR = StanzaError("wait", "internal-server-error")

#: More stanzas wait for the callback than may.
RESOURCE_CONSTRAINT = StanzaError("wait", "resource-constraint")
