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
    Metric(
        "xmpprest_info", GAUGE, "Always 1. The label has the version.", ("version",)
    ),
    # the stream
    Metric(
        "xmpprest_instance_role",
        GAUGE,
        "Is 1 for the role of this instance: active, standby, joining (not registered"
        " in the database), or retiring (it has lost the lease); otherwise 0. Without"
        " PostgreSQL it is always active.",
        ("role",),
    ),
    Metric("xmpprest_stream_up", GAUGE, "Is 1 while stanzas can be sent, otherwise 0."),
    Metric(
        "xmpprest_reconnects",
        COUNTER,
        "Reconnections to the XMPP server, by reason.",
        ("reason",),
    ),
    Metric(
        "xmpprest_stanzas",
        COUNTER,
        "Stanzas written to the server (out) and read from it (in), by kind, without"
        " the barriers of the gateway.",
        ("direction", "kind"),
    ),
    Metric(
        "xmpprest_barrier_seconds",
        HISTOGRAM,
        "Time until the server has shown that it took what was written.",
    ),
    # queries
    Metric("xmpprest_iq_waiting", GAUGE, "Queries that wait for their reply."),
    Metric(
        "xmpprest_iq_wait_seconds",
        HISTOGRAM,
        "Time that queries have waited, until their reply, their timeout, or the loss"
        " of the stream.",
    ),
    Metric(
        "xmpprest_iq_dropped",
        COUNTER,
        "Dropped replies: to a query that no longer waits (late), or from another"
        " address than the query was sent to (stranger).",
        ("reason",),
    ),
    # HTTP
    Metric(
        "xmpprest_http_requests",
        COUNTER,
        "Completed requests, by route and status. The status is gone if the client"
        " left before the response.",
        ("route", "status"),
    ),
    Metric(
        "xmpprest_http_request_seconds",
        HISTOGRAM,
        "Response time of requests, by route. A query waits for its reply.",
        ("route",),
    ),
    Metric("xmpprest_http_waiting", GAUGE, "Requests in progress."),
    # hooks
    Metric(
        "xmpprest_hook_requests",
        COUNTER,
        "Requests to hooks, by hook and result: accepted or refused. Requests with a"
        " wrong secret belong to no hook.",
        ("hook", "result"),
    ),
    Metric(
        "xmpprest_hook_template_failures",
        COUNTER,
        "Messages of a hook that were sent in the default layout, because their"
        " template failed.",
        ("hook",),
    ),
    # the outbox
    Metric(
        "xmpprest_outbox_messages",
        GAUGE,
        "Accepted messages that the server has not taken yet.",
    ),
    Metric(
        "xmpprest_outbox_oldest_seconds",
        GAUGE,
        "Age of the oldest message that the server has not taken yet, 0 if there is"
        " none.",
    ),
    Metric(
        "xmpprest_outbox_bytes",
        GAUGE,
        "Bytes of the messages that the server has not taken yet.",
    ),
    # the inbox
    Metric(
        "xmpprest_inbox_stanzas",
        GAUGE,
        "Stanzas that the callback has not answered yet, in the store (kept is yes)"
        " or in memory only (no).",
        ("kept",),
    ),
    Metric(
        "xmpprest_inbox_bytes",
        GAUGE,
        "Bytes of XML of the stanzas that the callback has not answered yet, in the"
        " store (kept is yes) or in memory only (no).",
        ("kept",),
    ),
    Metric(
        "xmpprest_inbox_oldest_seconds",
        GAUGE,
        "Age of the oldest stored stanza that the callback has not answered yet, 0 if"
        " there is none.",
    ),
    Metric(
        "xmpprest_updates_waiting",
        GAUGE,
        "Stanzas that wait until the client of a callback with the URL pull: fetches"
        " and acknowledges them.",
        ("callback",),
    ),
    Metric(
        "xmpprest_updates_oldest_seconds",
        GAUGE,
        "Age of the oldest stored one of these stanzas, 0 if there is none.",
        ("callback",),
    ),
    Metric(
        "xmpprest_updates_reader",
        GAUGE,
        "Is 1 while a client waits for updates, or was there in the last 30 seconds,"
        " otherwise 0.",
        ("callback",),
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
        "Dead letters: stanzas that could not be delivered, and can be delivered"
        " again.",
    ),
    Metric(
        "xmpprest_callback_seconds",
        HISTOGRAM,
        "Time of each delivery attempt to a callback, by result: the class of the"
        " status, or none if there was no response.",
        ("callback", "result"),
    ),
    Metric(
        "xmpprest_callback_paused",
        GAUGE,
        "Is 1 while a callback is paused and tried only once a minute, otherwise 0.",
        ("callback",),
    ),
    # the bots
    Metric("xmpprest_bots", GAUGE, "Bots: addresses with a presence of their own."),
    Metric(
        "xmpprest_bot_contacts",
        GAUGE,
        "Contacts of all bots, by the state of their subscription: from, to, both or"
        " none.",
        ("subscription",),
    ),
    Metric(
        "xmpprest_bot_requests",
        GAUGE,
        "Requests for subscriptions that are not decided: in, of contacts; out, of"
        " bots.",
        ("direction",),
    ),
    Metric(
        "xmpprest_bot_probes",
        COUNTER,
        "Probes that the presence of a bot has answered.",
    ),
    Metric(
        "xmpprest_bot_refused",
        COUNTER,
        "Requests, probes and queries that a bot has not answered, because the contact"
        " sends too many.",
    ),
    # the rooms
    Metric(
        "xmpprest_rooms",
        GAUGE,
        "Rooms of bots, by state: joining, joined, waiting or removed.",
        ("state",),
    ),
    Metric(
        "xmpprest_room_joins",
        COUNTER,
        "How often a bot has entered a room, again after a loss included.",
    ),
    Metric(
        "xmpprest_room_removals",
        COUNTER,
        "How often a room has removed a bot for good, such as by a kick or a ban.",
    ),
    Metric(
        "xmpprest_room_invitations",
        COUNTER,
        "Invitations by the senders of rooms-accept: accepted, or refused because such"
        " invitations have let bots into too many rooms.",
        ("result",),
    ),
    # the store
    Metric(
        "xmpprest_store_up",
        GAUGE,
        "Is 1 if the store has answered for this scrape, otherwise 0. Then the metrics"
        " that only the store knows are left out.",
    ),
    Metric(
        "xmpprest_store_commit_seconds",
        HISTOGRAM,
        "Time of each commit to the disk.",
    ),
    Metric(
        "xmpprest_store_commit_calls",
        HISTOGRAM,
        "Calls of the store that one commit contains.",
    ),
    Metric(
        "xmpprest_idempotency_keys",
        GAUGE,
        "Stored idempotency keys. When they reach record-limit, requests with new keys"
        " are refused.",
    ),
    Metric("xmpprest_record_limit", GAUGE, "The setting record-limit."),
    # the process
    Metric(
        "xmpprest_reactor_lag_seconds",
        HISTOGRAM,
        "Delay of a timer that fires once a second: the time in which the reactor did"
        " nothing else.",
    ),
    Metric(
        "xmpprest_reactor_turn_max_seconds",
        GAUGE,
        "The longest turn of the reactor since the last scrape, in which everything"
        " else waited.",
    ),
)
