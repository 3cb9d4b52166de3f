"""The settings that a reload may change, in a cell that the parts of a gateway read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Live(Generic[_T]):
    """
    A cell with a value that is replaced as a whole, never changed.

    @ivar value: The current value. To be read when it is needed, not kept.
    """

    __slots__ = ("value",)

    def __init__(self, value: _T) -> None:
        self.value = value


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """
    The settings that a reload may change, as the parts of a gateway read them. Those
    with the name of a field of L{Config<xmpprest.config.config.Config>} have its value.

    @ivar secret: The secret of the component, for the next connection.
    @ivar name: The name of the gateway in service discovery.
    @ivar features: Namespaces of features that the callbacks provide (XEP-0030 §3.2).
    @ivar corsOrigin: Origins whose pages may use the gateway.
    @ivar roomsAccept: Patterns of addresses whose invitations to rooms are accepted.
    @ivar logsRequests: Whether each request and each delivery has a line in the log.
    @ivar stanzaSizeLimit: Bytes that a stanza may have.
    @ivar hookSizeLimit: Bytes that the body of a request to a hook may have.
    @ivar uploadService: The address of the upload service; C{None} if there is none.
    @ivar uploadSizeLimit: Bytes that an uploaded file may have.
    @ivar connectionLimit: How many HTTP connections may be open.
    @ivar waitingLimit: How many requests may wait for their answers.
    @ivar iqTimeout: Seconds that an iq waits for its reply by default.
    @ivar iqMaxTimeout: Seconds that a client may choose to wait.
    @ivar outboxLimit: How many messages may wait for the XMPP server.
    @ivar outboxSize: How many bytes these may have together.
    @ivar outboxAge: Seconds that the oldest of these may wait before new ones are
        refused.
    @ivar inboxLimit: How many stored stanzas may wait for one callback.
    @ivar inboxSize: How many bytes of XML these may have.
    @ivar replyLimit: How many automatic replies one sender may get in 10 s.
    @ivar recordDays: Days for which the records of completed stanzas are kept.
    @ivar recordLimit: How many of these records are kept.
    @ivar deadDays: Days for which dead letters are kept.
    """

    secret: str
    name: str
    features: Sequence[str]
    corsOrigin: tuple[str, ...]
    roomsAccept: tuple[str, ...]
    logsRequests: bool
    stanzaSizeLimit: int
    hookSizeLimit: int
    uploadService: str | None
    uploadSizeLimit: int
    connectionLimit: int
    waitingLimit: int
    iqTimeout: float
    iqMaxTimeout: float
    outboxLimit: int
    outboxSize: int
    outboxAge: float
    inboxLimit: int
    inboxSize: int
    replyLimit: int
    recordDays: float
    recordLimit: int
    deadDays: float
