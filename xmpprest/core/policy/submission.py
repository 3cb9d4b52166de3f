"""Checks the stanzas that clients submit, and completes their addresses and ids."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.words.xish.domish import Element

from ..errors import forbidden, unprocessable
from ..stanza import jid
from ..stanza import namespaces as ns
from ..stanza.build import LANG, TYPES, elements, make, withArticle

#: The highest length of an id in characters; responses repeat it in a header.
MAX_ID = 1023
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def buildSubmission(
    payload: Element, domain: str, newID: Callable[[], str], sender: str = ""
) -> Element:
    """
    Make the stanza that a client submits.

    @param payload: The element that the client sent.
    @param domain: The component domain, in its normal form.
    @param newID: Generates an unguessable id for a stanza that has none.
    @param sender: The sender of a stanza without C{from}; empty for the domain.
    @return: A valid stanza with C{to}, C{from} and C{id}, its addresses in their normal
        form: servers fold some code points in another way than the check.
    @raise Refusal: 422, or 403 for a C{from} at another domain.
    """
    given = payload.attributes
    kind, type = checkedKind(payload), given.get("type")
    if kind != "iq":
        checkType(kind, type)
    elif type not in ("get", "set"):
        raise unprocessable("invalid-xml", "An iq must have type='get' or type='set'.")
    elif len(elements(payload)) != 1:
        raise unprocessable(
            "bad-format",
            "An iq must have exactly one child element (RFC 6120 §8.2.3), in JSON one"
            f" key such as 'ping'; this has {len(elements(payload)) or 'none'}.",
        )
    return make(
        kind,
        {
            "to": _recipient(given.get("to")),
            "from": _sender(given.get("from") or sender, domain),
            "id": _id(given.get("id")) or newID(),
            "type": type,
            LANG: given.get(LANG),
        },
        payload.children,
        payload.localPrefixes,
    )


def checkedKind(payload: Element) -> str:
    """
    Return the kind of a stanza.

    @raise Refusal: 422, the element is not in C{jabber:client}, or not a stanza.
    """
    if payload.uri != ns.CLIENT:
        raise unprocessable(
            "invalid-namespace",
            "The stanza must be in no namespace or in 'jabber:client'.",
        )
    kind = payload.name
    if kind not in TYPES:
        raise unprocessable(
            "unsupported-stanza-type",
            "The stanza must be a message, a presence or an iq.",
        )
    return str(kind)


def checkType(kind: str, type: str | None) -> None:
    """
    Check the type of a message or a presence; it may be absent.

    @raise Refusal: 422, the kind has no such type.
    """
    if type not in TYPES[kind]:
        known = ", ".join(sorted(filter(None, TYPES[kind])))
        raise unprocessable(
            "invalid-xml",
            f"The type of {withArticle(kind)} must be one of {known}, or be left out.",
        )


def _id(id: str | None) -> str | None:
    if id is None:
        return None
    if len(id) > MAX_ID:
        raise unprocessable(
            "bad-format", f"The 'id' is longer than {MAX_ID} characters; shorten it."
        )
    if id != id.strip() or _CONTROL.search(id):
        raise unprocessable(
            "bad-format",
            "The 'id' has a control character, or a space around it; leave that out.",
        )
    return id


def _recipient(to: str | None) -> str:
    if not to:
        raise unprocessable(
            "improper-addressing",
            "The stanza has no 'to'; add the recipient, such as user@example.org.",
        )
    try:
        return jid.checkedJID(to)
    except ValueError as reason:
        raise unprocessable(
            "improper-addressing", f"The 'to' is not an XMPP address: {reason}."
        ) from None


def _sender(sender: str | None, domain: str) -> str:
    """Return the sender's address in its normal form, which is at the domain."""
    if not sender:
        return domain
    try:
        address = jid.parseJID(sender)
    except ValueError as reason:
        raise unprocessable(
            "invalid-from", f"The 'from' is not an XMPP address: {reason}."
        ) from None
    if address.domain != domain:
        raise forbidden(f"The 'from' must be at {domain}, the domain of this gateway.")
    return str(address)
