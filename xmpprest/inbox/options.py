"""Options of the inbox: the store, the clocks and the limits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ..core.codec.events import ComplaintEvent
from ..core.live import Live, LiveSettings
from .reflections import ReflectionFilter
from .store_access import InboxStore

#: Work that has to end before stored stanzas are delivered.
Precondition: TypeAlias = Callable[[], Coroutine[Deferred[Any], Any, None]]


@dataclass(frozen=True)
class InboxLimits:
    """
    Limits on the waiting stanzas of one callback.

    @ivar transientCount: Limit on the stanzas that are in memory only.
    @ivar transientSize: Limit on their size, in bytes of XML.
    @ivar committingCount: Limit on the stanzas that wait for their commit.
    @ivar committingSize: Limit on their size, in bytes of XML.
    """

    transientCount: int = 10_000
    transientSize: int = 33_554_432
    committingCount: int = 10_000
    committingSize: int = 33_554_432


@dataclass(frozen=True)
class InboxOptions:
    """
    Everything the inbox needs of its surroundings.

    @ivar clock: Runs timers and measures durations; steps of the system clock must not
        change it.
    @ivar store: C{None} if stanzas are not stored.
    @ivar now: Returns the system time, in seconds since 1970.
    @ivar random: Returns random numbers, at least 0 and less than 1.
    @ivar reflections: Recognises messages that rooms send back to their author.
    @ivar onComplaint: Is told of faults in the responses of callbacks.
    @ivar settings: Limits that a reload may change.
    @ivar limits: Limits for each callback.
    """

    clock: IReactorTime
    settings: Live[LiveSettings]
    store: InboxStore | None = None
    now: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    reflections: ReflectionFilter = field(default_factory=ReflectionFilter)
    onComplaint: Callable[[ComplaintEvent], None] = lambda complaint: None
    limits: InboxLimits = field(default_factory=InboxLimits)

    @cached_property
    def steady(self) -> Callable[[], float]:
        """
        Return the time in seconds since 1970, as it was at the start plus what passed
        since. Steps of the system clock do not change it.
        """
        offset = self.now() - self.clock.seconds()
        return lambda: self.clock.seconds() + offset
