"""The facts as metrics: one line of a table for each.

Rules of this file: a metric is a name that is kept, a unit that is a base unit, and labels of few values: sites and tickets,
and words from fixed lists. No digest, no version, no message is a label. docs/reference/metrics.md has the same table.
Source: Prometheus, "Metric and label naming"; "Writing exporters".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from qmfagent.policy.modes import HOLDS
from qmfagent.replication.following.replica import BEHIND, BLOCKED, IDLE, IN_SYNC, NONE, UNREACHABLE, Replica
from qmfagent.telemetry.facts import Facts, ReplicaFacts, TicketFacts

PREFIX = "qmfagent_"
STATES = (IN_SYNC, BEHIND, BLOCKED, UNREACHABLE, IDLE)

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Values by those of the labels after `site`; None for what is not known."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric, without its prefix: its help, its labels besides `site`, and where its values are. Its name ends in `_total`
    where it is a counter."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Callable[[Facts], Samples]


def _one(value: Callable[[Facts], float | None]) -> Callable[[Facts], Samples]:
    return lambda facts: [((), value(facts))]


def _tickets(value: Callable[[TicketFacts], float | None]) -> Callable[[Facts], Samples]:
    return lambda facts: [((ticket.name,), value(ticket)) for ticket in facts.tickets]


def _replicas(value: Callable[[ReplicaFacts], float | None]) -> Callable[[Facts], Samples]:
    return lambda facts: [
        (_names(each.replica), value(each)) for each in facts.replicas if each.replica.direction != NONE
    ]


def _words(words: tuple[str, ...], word: Callable[[Replica], str]) -> Callable[[Facts], Samples]:
    """For each replica one value a word: 1 for the one that holds."""
    return lambda facts: [
        ((*_names(each.replica), one), word(each.replica) == one)
        for each in facts.replicas
        if each.replica.direction != NONE
        for one in words
    ]


def _names(replica: Replica) -> tuple[str, ...]:
    return replica.ticket, replica.remote, replica.direction


def _version(facts: Facts) -> Samples:
    version = facts.version
    if version is None:
        return []
    return [((part,), getattr(version, part)) for part in ("admin_epoch", "epoch", "num_updates")]


_TICKET = ("ticket",)
_REPLICA = ("ticket", "remote", "direction")

FAMILIES = (
    Family("cib_connected", "Whether the agent can see the CIB", (), _one(lambda f: f.connected)),
    Family("cib_version", "Version of the CIB, by its part", ("part",), _version),
    Family("cib_resources", "Top-level resources in the CIB", (), _one(lambda f: f.resources)),
    Family(
        "cib_config_changes_total",
        "Configuration changes seen since the agent started",
        (),
        _one(lambda f: f.config_changes),
    ),
    Family("ticket_granted", "Whether this site holds the ticket", _TICKET, _tickets(lambda t: t.granted)),
    Family("ticket_standby", "Whether the ticket is in standby here", _TICKET, _tickets(lambda t: t.standby)),
    Family("ticket_paused", "Whether the ticket is paused here", _TICKET, _tickets(lambda t: t.paused)),
    Family("ticket_pinned", "Whether the ticket is pinned here", _TICKET, _tickets(lambda t: t.pinned)),
    Family(
        "drill_timestamp_seconds",
        "When the ticket was drilled here last",
        _TICKET,
        _tickets(lambda t: t.drilled_at or None),
    ),
    Family(
        "drill_ok",
        "Whether all that depends on the ticket would run, by the last drill",
        _TICKET,
        _tickets(lambda t: t.drill_ok if t.drilled_at else None),
    ),
    Family(
        "drill_failures",
        "Resources that could not run, by the last drill",
        _TICKET,
        _tickets(lambda t: t.drill_failures if t.drilled_at else None),
    ),
    Family("tickets_left_out", "Tickets that are not told of, for being too many", (), _one(lambda f: f.left_out)),
    Family(
        "replica_state",
        "1 for the state that the replica is in",
        (*_REPLICA, "state"),
        _words(STATES, lambda r: r.state),
    ),
    Family(
        "replica_hold",
        "1 for what holds a known publication back at the receiving site",
        (*_REPLICA, "hold"),
        _words(HOLDS, lambda r: r.hold),
    ),
    Family(
        "replica_lag_publications",
        "Publications of this site that the remote has not applied",
        _REPLICA,
        _replicas(lambda r: r.lag.publications if r.lag else None),
    ),
    Family(
        "replica_lag_seconds",
        "Age of the oldest publication of this site that the remote has not applied",
        _REPLICA,
        _replicas(lambda r: r.lag.seconds if r.lag else None),
    ),
    Family(
        "replica_drift_fields",
        "Fields at the receiving site that differ from what was delivered",
        _REPLICA,
        _replicas(lambda r: r.replica.drift),
    ),
    Family(
        "replica_applied_timestamp_seconds",
        "When a publication was applied last at the receiving site",
        _REPLICA,
        _replicas(lambda r: r.replica.applied_at or None),
    ),
    Family(
        "peer_up",
        "Whether the remote site's agent can be reached",
        ("remote",),
        lambda f: [((remote,), up) for remote, up in f.peers],
    ),
    Family("bus_up", "Whether consoles can reach the agent, or it its broker", (), _one(lambda f: not f.bus.problem)),
    Family(
        "bus_connections",
        "Connections at the listener: consoles, and other sites' agents; or with the broker",
        (),
        _one(lambda f: f.bus.connections),
    ),
    Family(
        "bus_messages_waiting",
        "Messages that receivers, or the broker, have not taken yet",
        (),
        _one(lambda f: f.bus.waiting),
    ),
    Family(
        "bus_messages_dropped_total",
        "Messages never sent, since a receiver was too slow or gone",
        (),
        _one(lambda f: f.bus.dropped),
    ),
    Family("journal_bytes", "Size of what the journal keeps, about", (), _one(lambda f: f.journal.size)),
    Family("journal_entries", "Entries that the journal keeps", (), _one(lambda f: f.journal.entries)),
    Family("journal_last_number", "Number of the journal's newest entry", (), _one(lambda f: f.journal.last)),
    Family(
        "journal_failed",
        "Whether the journal's file can't be written, so that it goes on in memory",
        (),
        _one(lambda f: f.journal.failed),
    ),
)


class FactsCollector(Collector):
    """Gives the metrics of some facts."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def collect(self) -> Iterator[Metric]:
        """One metric family after the other."""
        for family in FAMILIES:
            kind = CounterMetricFamily if family.name.endswith("_total") else GaugeMetricFamily
            metric = kind(PREFIX + family.name, family.help, labels=("site", *family.labels))
            for labels, value in family.samples(self._facts):
                if value is not None:
                    metric.add_metric((self._facts.site, *labels), float(value))
            yield metric
