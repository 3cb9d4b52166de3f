"""Tables: what an error, a status code or a failed ping means for a membership."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Problem
from .events import Absent
from .values import RoomFault

#: Seconds before the first and the longest wait until the next attempt.
FIRST_DELAY, MAX_DELAY = 1.0, 300.0
#: Seconds for which the bot must have been in a room so that the delay starts anew.
STABLE_AFTER = 60.0
#: Seconds that a room has to answer the join presence.
JOIN_TIMEOUT = 30.0
#: Seconds without traffic until a self-ping, and until the next after a timeout.
PING_AFTER, PING_AGAIN = 600.0, 60.0
#: Nicks tried on a rejoin: the configured one, and it with one to four C{_}.
MAX_NICKS = 5


class Meaning(NamedTuple):
    """
    The meaning of an error for a join.

    @ivar word: The condition that clients see.
    @ivar status: The HTTP status for a client that waits.
    @ivar isFinal: Whether the bot does not try again by itself.
    @ivar text: A sentence to a person.
    """

    word: str
    status: int
    isFinal: bool
    text: str


#: XEP-0045 §7.2: errors in answer to a join presence. A conflict on a rejoin is not
#: looked up here; the bot tries another nick.
REFUSALS = {
    # §7.2.5
    "not-authorized": Meaning(
        "password",
        403,
        True,
        "The room needs a password, or another one; give it as 'password'.",
    ),
    # §7.2.6
    "registration-required": Meaning(
        "members-only",
        403,
        True,
        "Only members may enter the room; ask its owner to make the bot a member.",
    ),
    # §7.2.7
    "forbidden": Meaning(
        "banned",
        403,
        True,
        "The bot is banned from the room, or may not create it; ask the room's owner"
        " or the administrator of the service.",
    ),
    # §7.2.8
    "conflict": Meaning(
        "nick-in-use",
        409,
        False,
        "Another occupant has this nick; choose another 'nick'.",
    ),
    # §7.2.9
    "service-unavailable": Meaning(
        "full", 503, False, "The room is full; try again later."
    ),
    # ejabberd
    "resource-constraint": Meaning(
        "full", 503, False, "The room is full; try again later."
    ),
    # §7.2.10
    "item-not-found": Meaning(
        "no-room",
        404,
        False,
        "There is no such room, or it is locked; set 'create' to true to create it.",
    ),
    # §10.1.1
    "not-allowed": Meaning(
        "not-allowed",
        403,
        False,
        "The service does not let the gateway create the room; ask its administrator.",
    ),
    # §7.2.3
    "jid-malformed": Meaning(
        "nick", 422, True, "The room does not accept this nick; choose another 'nick'."
    ),
    # §7.2.8, §7.10: the bot has a reserved nick, and must use it
    "not-acceptable": Meaning(
        "nick", 409, True, "The room does not accept this nick; use the reserved one."
    ),
    # §10.9
    "gone": Meaning("destroyed", 404, True, "The room was destroyed."),
    # RFC 6120 §8.3.3.16
    "remote-server-not-found": Meaning(
        "no-service",
        404,
        False,
        "There is no such service; check the domain of the room.",
    ),
}

#: By the type of the error (RFC 6120 §8.3.2), for other conditions.
_BY_TYPE = {
    "auth": Meaning("refused", 403, True, "The room does not let the bot in."),
    "modify": Meaning("refused", 422, True, "The room does not accept the join."),
    "wait": Meaning("unavailable", 503, False, "The room cannot be entered now."),
    "cancel": Meaning("refused", 403, False, "The room does not let the bot in."),
}

#: Not a room: disco answers with another identity (XEP-0045 §6.4).
NO_ROOM = REFUSALS["item-not-found"]
OTHER_ENTITY = Meaning(
    "no-room", 404, False, "The address is not that of a room; check it."
)
NO_SERVICE = REFUSALS["remote-server-not-found"]

#: Errors in answer to disco that prove that there is no such room. Other errors prove
#: nothing: a server may hide a room that lets the bot in.
MISSING = {
    "item-not-found": NO_ROOM,
    "gone": REFUSALS["gone"],
    "service-unavailable": NO_ROOM,
    "remote-server-not-found": NO_SERVICE,
    "jid-malformed": NO_ROOM,
    # XEP-0030 §8: the address is that of an account.
    "subscription-required": NO_ROOM,
    # Prosody without federation.
    "not-allowed": NO_SERVICE,
}

#: Conditions of an answer that says nothing about the room: it cannot be reached now.
UNREACHABLE = frozenset({"remote-server-timeout", "recipient-unavailable"})


def meaningOf(fault: RoomFault) -> Meaning:
    """Return the meaning of an error in answer to a join presence."""
    known = REFUSALS.get(fault.condition)
    return known or _BY_TYPE.get(fault.type, _BY_TYPE["cancel"])


def problemOf(meaning: Meaning, fault: RoomFault | None = None) -> Problem:
    """Make the error for a client that waits for a join."""
    text = meaning.text
    if fault is not None and fault.alternate:
        text += f" Its owner names {fault.alternate} instead."
    elif fault is not None and fault.text:
        text += f" The room says: {fault.text}"
    headers = (("Retry-After", "30"),) if meaning.status == 503 else ()
    condition = _CONDITIONS.get(meaning.status, "undefined-condition")
    return Problem(meaning.status, _TYPES[meaning.status], condition, text, headers)


_TYPES = {403: "auth", 404: "cancel", 409: "cancel", 422: "modify", 503: "wait"}
_CONDITIONS = {403: "not-authorized", 409: "conflict", 503: "resource-constraint"}


# --- status codes ---------------------------------------------------------------

#: XEP-0045 §15.6: status codes of the bot's own presence.
SELF, CREATED, NICK_ASSIGNED = 110, 201, 210
BANNED, NICK_CHANGED, KICKED = 301, 303, 307
AFFILIATION_CHANGED, NOW_MEMBERS_ONLY = 321, 322
SHUTDOWN, TECHNICAL = 332, 333

#: Unavailable presence of the bot itself, by the first status that it has: whether the
#: bot was removed for good, and the word that clients see. A room also adds 307 where
#: it removes an occupant after an error (333) or when it shuts down (332).
REMOVALS = (
    (SHUTDOWN, False, "shutdown"),  # §9.1.4 (10.10)
    (TECHNICAL, False, "technical"),  # §15.6, XEP-0410
    (BANNED, True, "banned"),  # §9.1
    (KICKED, True, "kicked"),  # §8.2
    (AFFILIATION_CHANGED, True, "members-only"),  # §9.4
    (NOW_MEMBERS_ONLY, True, "members-only"),  # §9.4
)


def removalOf(event: Absent) -> tuple[bool, str]:
    """
    Return what the bot's own unavailable presence means.

    @return: Whether the bot was removed for good, and the word that clients see. A
        room that says nothing has dropped the bot (XEP-0410 §1): it enters again.
    """
    if event.isDestroyed:  # §10.9
        return True, "destroyed"
    for code, isFinal, word in REMOVALS:
        if code in event.statuses:
            return isFinal, word
    return False, "dropped"


# --- self-ping (XEP-0410 §3) ----------------------------------------------------

#: The ping proves that the bot is in the room: the client behind it, which is the
#: gateway, does not answer, or not to this.
PROVES_JOINED = frozenset({"service-unavailable", "feature-not-implemented"})
#: The ping proves nothing.
PROVES_NOTHING = frozenset({"remote-server-not-found", *UNREACHABLE})
# Any other error, not-acceptable first of all, means that the bot is not in the room.
# XEP-0410 takes item-not-found for joined, but Prosody answers it for an occupant that
# is gone; to enter again is harmless.


def backoff(failures: int, random: float) -> float:
    """
    Return the seconds until the next attempt.

    @param failures: The number of attempts that have failed in a row.
    @param random: At least 0 and less than 1; spreads the attempts of many rooms.
    """
    delay = FIRST_DELAY * 2.0 ** min(failures, 20) * (1 + random / 5)
    return min(MAX_DELAY, delay)
