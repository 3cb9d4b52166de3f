"""
The table of all metrics, each with its help text. The reference, the dashboard and the
alerts are checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """
    The definition of a metric.

    @ivar name: Its name in Prometheus, without the suffixes of its series.
    @ivar kind: L{COUNTER}, whose series ends in C{_total}; L{GAUGE}; L{HISTOGRAM}.
    @ivar help: One sentence.
    @ivar labels: The names of its labels; each has few values.
    """

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """The names of its series."""
        return tuple(self.name + suffix for suffix in _SUFFIXES[self.kind])


_SUFFIXES = {
    COUNTER: ("_total",),
    GAUGE: ("",),
    HISTOGRAM: ("_bucket", "_sum", "_count"),
}

METRICS = (
    Metric("xmpprest_info", GAUGE, "Always 1; the version is its label.", ("version",)),
    # the stream
    Metric("xmpprest_stream_up", GAUGE, "Whether stanzas can be sent: 1 or 0."),
    Metric(
        "xmpprest_reconnects",
        COUNTER,
        "How often there was reason to connect anew, by what that was.",
        ("reason",),
    ),
    Metric(
        "xmpprest_stanzas",
        COUNTER,
        "Stanzas written to the server (out) and read from it (in), by kind; without"
        " the gateway's own queries to itself.",
        ("direction", "kind"),
    ),
    Metric(
        "xmpprest_barrier_seconds",
        HISTOGRAM,
        "How long it took the server to show that it had taken what was written.",
    ),
    # queries
    Metric("xmpprest_iq_waiting", GAUGE, "Queries that wait for their reply."),
    Metric(
        "xmpprest_iq_wait_seconds",
        HISTOGRAM,
        "How long queries have waited, until their reply, their timeout, or the loss"
        " of the stream.",
    ),
    Metric(
        "xmpprest_iq_dropped",
        COUNTER,
        "Replies that nobody waited for any more (late), or that came from somebody"
        " who was not asked (stranger).",
        ("reason",),
    ),
    # HTTP
    Metric(
        "xmpprest_http_requests",
        COUNTER,
        "Requests that were answered, by the route and the status; gone is the status"
        " where the client left before.",
        ("route", "status"),
    ),
    Metric(
        "xmpprest_http_request_seconds",
        HISTOGRAM,
        "How long it took to answer them, by the route; a query waits for its reply.",
        ("route",),
    ),
    Metric("xmpprest_http_waiting", GAUGE, "Requests that wait for their answer."),
    # the outbox
    Metric(
        "xmpprest_outbox_messages",
        GAUGE,
        "Messages that were accepted, and that the server has not taken yet.",
    ),
    Metric(
        "xmpprest_outbox_oldest_seconds",
        GAUGE,
        "How long ago the oldest of them was accepted; 0 if there is none.",
    ),
    # the inbox
    Metric(
        "xmpprest_inbox_stanzas",
        GAUGE,
        "Stanzas that the callback has not answered yet: kept in the store (yes), or"
        " only in memory (no).",
        ("kept",),
    ),
    Metric(
        "xmpprest_inbox_oldest_seconds",
        GAUGE,
        "How long ago the oldest that is kept came in; 0 if there is none.",
    ),
    Metric(
        "xmpprest_inbox_refused",
        COUNTER,
        "Stanzas that were refused because the inbox of a callback, or the share of"
        " their sender, was full. Refused messages of rooms are lost.",
        ("callback",),
    ),
    Metric(
        "xmpprest_replies_dropped",
        COUNTER,
        "Automatic replies that were dropped to end a loop between two bots.",
    ),
    Metric(
        "xmpprest_dead_letters",
        GAUGE,
        "Stanzas that were given up, and can be delivered again.",
    ),
    Metric(
        "xmpprest_callback_seconds",
        HISTOGRAM,
        "How long each try to deliver to a callback took, by its result: the class of"
        " the status, or none where there was no answer.",
        ("callback", "result"),
    ),
    Metric(
        "xmpprest_callback_paused",
        GAUGE,
        "Whether a callback is paused, and tried only once a minute: 1 or 0.",
        ("callback",),
    ),
    # the store
    Metric(
        "xmpprest_store_up",
        GAUGE,
        "Whether the store has answered what was asked for this page: 1 or 0. If not,"
        " what only it knows is left out.",
    ),
    Metric(
        "xmpprest_store_commit_seconds",
        HISTOGRAM,
        "How long it took to bring something onto the disk.",
    ),
    Metric(
        "xmpprest_store_commit_calls",
        HISTOGRAM,
        "How many calls of the store were done by one commit.",
    ),
    # the process
    Metric(
        "xmpprest_reactor_lag_seconds",
        HISTOGRAM,
        "The lateness of a timer that fires once a second: for so long nothing else"
        " was done.",
    ),
    Metric(
        "xmpprest_reactor_turn_max_seconds",
        GAUGE,
        "The longest turn of the reactor since the last scrape: for so long everything"
        " waited.",
    ),
)
