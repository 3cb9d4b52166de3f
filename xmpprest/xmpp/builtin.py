"""Answers the iq queries that every XMPP entity should, where no callback does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime
from twisted.words.xish.domish import Element

from .._version import __version__
from ..core.errors import StanzaError
from ..core.stanza import namespaces as ns
from ..core.stanza.build import element, elements, error, result


class BuiltinResponder:
    """
    The gateway's own answers: a table from payload to method.
    """

    def __init__(
        self,
        name: Callable[[], str],
        clock: IReactorTime,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        features: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """
        @param name: Returns the gateway's name in service discovery.
        @param clock: Measures the uptime.
        @param now: Returns the time of day, in UTC.
        @param features: Returns the namespaces of further features (XEP-0030 §3.2).
        """
        self._name = name
        self._clock = clock
        self._started = clock.seconds()
        self._now = now
        self._features = features
        self._answers: dict[tuple[str, str], Callable[[Element], Element]] = {
            (ns.DISCO_INFO, "query"): self._discoInfo,
            (ns.DISCO_ITEMS, "query"): self._discoItems,
            (ns.LAST, "query"): self._last,
            (ns.PING, "ping"): result,
            (ns.TIME, "time"): self._time,
            (ns.VERSION, "query"): self._version,
        }

    @property
    def features(self) -> frozenset[str]:
        """The features of the gateway in service discovery (XEP-0030 §3.2)."""
        return frozenset((*(uri for uri, _ in self._answers), *self._features()))

    def answer(self, iq: Element) -> Element | None:
        """
        Answer an iq.

        @param iq: One of type get or set.
        @return: The answer, or C{None} if there is none for this query.
        """
        queries = elements(iq)
        if iq.getAttribute("type") != "get" or len(queries) != 1:
            return None
        respond = self._answers.get((queries[0].uri, queries[0].name))
        return None if respond is None else respond(iq)

    def _discoInfo(self, iq: Element) -> Element:
        """XEP-0030 §3."""
        if _hasNode(iq):
            return _noSuchNode(iq)
        identity = {"category": "component", "type": "generic", "name": self._name()}
        children = [
            element(ns.DISCO_INFO, "identity", identity),
            *(
                element(ns.DISCO_INFO, "feature", {"var": var})
                for var in sorted(self.features)
            ),
        ]
        return result(iq, element(ns.DISCO_INFO, "query", None, children))

    def _discoItems(self, iq: Element) -> Element:
        """XEP-0030 §4: there are none."""
        if _hasNode(iq):
            return _noSuchNode(iq)
        return result(iq, element(ns.DISCO_ITEMS, "query"))

    def _last(self, iq: Element) -> Element:
        """XEP-0012 §5: a component tells its uptime."""
        seconds = int(self._clock.seconds() - self._started)
        return result(iq, element(ns.LAST, "query", {"seconds": str(seconds)}))

    def _version(self, iq: Element) -> Element:
        """XEP-0092; the operating system is nobody's business."""
        children = [
            element(ns.VERSION, "name", None, ["xmpprest"]),
            element(ns.VERSION, "version", None, [__version__]),
        ]
        return result(iq, element(ns.VERSION, "query", None, children))

    def _time(self, iq: Element) -> Element:
        """XEP-0202."""
        children = [
            element(ns.TIME, "tzo", None, ["+00:00"]),
            element(ns.TIME, "utc", None, [f"{self._now():%Y-%m-%dT%H:%M:%SZ}"]),
        ]
        return result(iq, element(ns.TIME, "time", None, children))


def _hasNode(iq: Element) -> bool:
    """XEP-0030 §3.2: whether a query is about a node."""
    return bool(elements(iq)[0].getAttribute("node"))


def _noSuchNode(iq: Element) -> Element:
    """XEP-0030 §7: there are no nodes."""
    return error(iq, StanzaError("cancel", "item-not-found"))
