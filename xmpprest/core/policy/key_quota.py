"""The limit on idempotency keys, with a share for each token (reliability.rst)."""

from __future__ import annotations

from ..errors import Refusal, serviceUnavailable

#: The default of C{record-limit}, the maximum number of keys.
KEY_LIMIT = 1_000_000
#: Seconds after which a client should retry: expired keys are deleted once a minute.
RETRY_AFTER = 60


def keyOwner(key: str) -> str:
    """
    Return the name of the token that a stored idempotency key belongs to; empty for
    credentials, which have no share.
    """
    owner, tab, _ = key.partition("\t")
    return owner if tab else ""


def fits(total: int, held: int, owner: str, limit: int) -> bool:
    """
    Return whether one more idempotency key may be stored.

    @param total: The number of stored keys.
    @param held: The number of those that belong to the owner.
    @param owner: The name of the token; empty for credentials.
    @param limit: The setting C{record-limit}.
    """
    free = limit - total
    return held < free if owner else free > 0


def refuseKey(key: str, limit: int) -> Refusal:
    """
    Make the refusal of a request whose idempotency key cannot be stored: 503. Accepted
    keys are never deleted early, since the request could then be carried out twice.

    @param limit: The setting C{record-limit}.
    """
    owner = keyOwner(key)
    reason = (
        f"The token {owner!r} has as many idempotency keys as are still free of"
        if owner
        else "The gateway has as many idempotency keys as it may have:"
    )
    return serviceUnavailable(
        "resource-constraint",
        f"{reason} {limit} (record-limit), and keeps each for 7 days; nothing was sent."
        " Try again later, or raise record-limit.",
        RETRY_AFTER,
    )
