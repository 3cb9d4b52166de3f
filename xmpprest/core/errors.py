"""
Errors as values, with their HTTP status and their XMPP condition.

A L{Problem} describes an error; the exception L{Refusal} carries it. Only the HTTP and
XMPP edges turn it into an HTTP response or a stanza error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

#: The end of a log message about an unexpected exception, whose traceback follows.
REPORT_BUG = "This is a bug in xmpprest; please report it with the traceback below."


@dataclass(frozen=True, slots=True)
class Problem:
    """
    An error to report to a client.

    @ivar status: The HTTP status code (RFC 9110 §15).
    @ivar type: The stanza error type (RFC 6120 §8.3.2): C{auth}, C{cancel}, C{modify}
        or C{wait}.
    @ivar condition: The name of the error condition, as of RFC 6120 §4.9.3.
    @ivar text: One sentence to a person: the fault, and the change that mends it.
    @ivar headers: HTTP header fields that belong to the status, such as C{Retry-After}
        with 503.
    @ivar key: The JSON key at fault, with the keys around it, such as C{"oob.url"};
        C{None} if the error is not about a key.
    """

    status: int
    type: str
    condition: str
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    key: str | None = None

    @property
    def title(self) -> str:
        """The reason phrase of the status (RFC 9110 §15)."""
        return reasonPhrase(self.status)


class Refusal(Exception):
    """
    The gateway refuses a request.

    @ivar problem: The reason.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def badRequest(text: str) -> Refusal:
    """Make the refusal of a body that is not of its declared type: 400."""
    return Refusal(Problem(400, "modify", "not-well-formed", text))


def unprocessable(condition: str, text: str, key: str | None = None) -> Refusal:
    """
    Make the refusal of a well-formed document that is not a valid stanza: 422.

    @param key: The JSON key at fault, if one is.
    """
    return Refusal(Problem(422, "modify", condition, text, key=key))


def forbidden(text: str) -> Refusal:
    """Make the refusal of a request that the credentials do not allow: 403."""
    return Refusal(Problem(403, "auth", "not-authorized", text))


def tooManyRequests(text: str, retryAfter: int) -> Refusal:
    """
    Make the refusal of too frequent requests: 429 (RFC 6585 §4).

    @param retryAfter: Seconds until the client may try again.
    """
    headers = (("Retry-After", str(retryAfter)),)
    return Refusal(Problem(429, "wait", "resource-constraint", text, headers))


def serviceUnavailable(condition: str, text: str, retryAfter: int) -> Refusal:
    """
    Make the refusal of a request that may succeed later: 503.

    @param retryAfter: Seconds until the client should try again.
    """
    headers = (("Retry-After", str(retryAfter)),)
    return Refusal(Problem(503, "wait", condition, text, headers))


def notFound(text: str) -> Refusal:
    """Make the refusal of a request about an object that does not exist: 404."""
    return Refusal(Problem(404, "cancel", "undefined-condition", text))


def storeUnavailable(reason: str) -> Refusal:
    """
    Make the refusal of a request that needs the store, while it is unavailable: 503.

    @param reason: The cause, such as C{"the disk is full"}.
    """
    return serviceUnavailable(
        "resource-constraint",
        f"The gateway's store cannot be used at the moment ({reason}); try again.",
        retryAfter=5,
    )


#: The names of RFC 9110, which Python has only since 3.13.
_RENAMED = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


@lru_cache(maxsize=256)
@lru_cache(maxsize=128)
def reasonPhrase(status: int) -> str:
    """
    Return the standard reason phrase of an HTTP status, not that of a peer.

    @return: For example C{"Not Found"}; empty for a status that has none.
    """
    try:
        return _RENAMED.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class StanzaError:
    """
    A stanza error (RFC 6120 §8.3).

    @ivar type: C{auth}, C{cancel}, C{modify} or C{wait}.
    @ivar condition: A defined condition of RFC 6120 §8.3.3.
    @ivar text: A sentence to a person, or empty.
    """

    type: str
    condition: str
    text: str = ""


#: The stanza error for each HTTP status of a callback: its type and defined condition
#: (RFC 6120 §8.3.3). mod_rest has C{payment-required} for 402, which RFC 6120 lacks.
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


#: The type of an error that names only its condition (RFC 6120 §8.3.3); of
#: several types that the RFC allows, the first.
ERROR_TYPE_BY_CONDITION = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}


def errorTypeOf(condition: str) -> str:
    """
    Return the type of an error that names only its condition.

    @param condition: As of RFC 6120 §8.3.3, or any other, which gets C{cancel}.
    """
    return ERROR_TYPE_BY_CONDITION.get(condition, "cancel")


def errorFromStatus(status: int) -> StanzaError:
    """
    Return the stanza error for an HTTP status of a callback.

    @param status: Any status but 2xx.
    """
    condition = ERROR_BY_STATUS.get(status, ("cancel", "undefined-condition"))
    return StanzaError(*condition, f"{status} {reasonPhrase(status)}".rstrip())


#: No callback wants the stanza, and the gateway has no built-in answer.
SERVICE_UNAVAILABLE = StanzaError("cancel", "service-unavailable")

#: The callback gave no response.
RECIPIENT_UNAVAILABLE = StanzaError("wait", "recipient-unavailable")

#: The gateway failed, or the callback's reply cannot be sent.
INTERNAL_SERVER_ERROR = StanzaError("wait", "internal-server-error")

#: The queue of stanzas for the callback is full.
RESOURCE_CONSTRAINT = StanzaError("wait", "resource-constraint")
