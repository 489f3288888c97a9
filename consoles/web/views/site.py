"""One site: its nodes, tickets, peers and journal, and the resources that are asked for.

Rules of this file: pure. However many resources a site has, a page shows a bounded number of them, and says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from consoles.nodes import MAINTENANCE, OFFLINE, ONLINE, STANDBY, node_state
from consoles.overview import Cell, Note, Overview
from consoles.values import Object
from consoles.words import number_of
from qmfagent.cib.scores import INFINITY

A_PAGE = 200
"""Resources that a page shows."""
UNKNOWN = "unknown"
"""The state of a resource that the status says nothing of."""
STATES = ("Started", "Promoted", "Unpromoted", "Stopped", "Failed", UNKNOWN)

_NODE_TONES = {OFFLINE: "bad", STANDBY: "warn", MAINTENANCE: "warn", ONLINE: "ok"}
_TONES = {"Started": "ok", "Promoted": "ok", "Unpromoted": "info", "Failed": "bad"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which resources are asked for: those with `text` in their id, agent, kind, nodes or tickets, in a `state`; and which
    `page` of them, from 1."""

    text: str = ""
    state: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node: its state in a word, and the tone of that."""

    name: str
    word: str
    tone: str
    active: int


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """A resource; `depth` is how many collections it is in, `notes` what is to be said besides its state."""

    id: str
    kind: str
    agent: str
    depth: int
    word: str
    tone: str
    nodes: tuple[str, ...]
    tickets: tuple[str, ...]
    owned: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """Some of the resources: `found` fit what is asked for, of `total`; `page` of `pages` is shown."""

    rows: tuple[ResourceRow, ...]
    total: int
    found: int
    page: int
    pages: int
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket here: where the site stands with it, and its Ticket object."""

    name: str
    cell: Cell
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PeerRow:
    """Another site, as this one sees it."""

    site: str
    url: str
    connected: bool
    seq: int


@dataclass(frozen=True, slots=True)
class SiteView:
    """What the page of a site shows besides its resources."""

    site: str
    values: Mapping[str, Any]
    nodes: tuple[NodeRow, ...]
    tickets: tuple[TicketRow, ...]
    peers: tuple[PeerRow, ...]
    events: int


def site_view(
    site: Object, overview: Overview, nodes: Iterable[Object], tickets: Iterable[Object], resources: Iterable[Object]
) -> SiteView:
    """The view of a site from its own objects; `overview` has the words for its tickets."""
    active: dict[str, int] = {}
    for resource in resources:
        if resource.values["kind"] == "primitive":
            for node in resource.values["nodes"]:
                active[node] = active.get(node, 0) + 1
    cells = {row.ticket: cell for row in overview.rows for cell in row.cells if cell.site == site.site}
    own = {str(ticket.values["name"]): ticket.values for ticket in tickets}
    values = site.values
    return SiteView(
        site.site,
        values,
        tuple(_node(each.values, active) for each in sorted(nodes, key=lambda node: str(node.values["name"]))),
        tuple(TicketRow(name, cells[name], own[name]) for name in sorted(own.keys() & cells.keys())),
        tuple(
            PeerRow(str(peer["site"]), str(peer["url"]), bool(peer["connected"]), int(peer.get("seq", 0)))
            for peer in values["peers"]
        ),
        max(0, values["last_event"] - values["first_event"] + 1),
    )


def resource_rows(resources: Iterable[Object], wanted: Wanted) -> Resources:
    """The resources that are asked for, each collection before its parts."""
    every = _in_order([each.values for each in resources])
    text = wanted.text.lower()
    found = [
        (values, depth)
        for values, depth in every
        if (not wanted.state or _state(values) == wanted.state) and (not text or text in _searched(values))
    ]
    pages = max(1, -(-len(found) // A_PAGE))
    page = min(max(1, wanted.page), pages)
    shown = found[(page - 1) * A_PAGE : page * A_PAGE]
    return Resources(tuple(_resource(*each) for each in shown), len(every), len(found), page, pages, wanted)


def _node(values: Mapping[str, Any], active: Mapping[str, int]) -> NodeRow:
    state = node_state(values)
    return NodeRow(values["name"], state, _NODE_TONES[state], active.get(values["name"], 0))


def _resource(values: Mapping[str, Any], depth: int) -> ResourceRow:
    state = _state(values)
    word = "parts differ" if state == UNKNOWN and values["nodes"] else state
    return ResourceRow(
        values["id"],
        values["kind"],
        values["agent"],
        depth,
        "" if values["kind"] == "template" else word,
        _TONES.get(state, "none"),
        tuple(values["nodes"]),
        tuple(values["tickets"]),
        values["owned"],
        tuple(_notes(values)),
    )


def _notes(values: Mapping[str, Any]) -> Iterator[Note]:
    """What crm_mon says beside a state; agents of 0.1.0 tell none of it."""
    failures = values.get("failures", 0)
    if values.get("pending", ""):
        yield Note(f"{values['pending']} ...", "info", "this operation is under way")
    if failures >= INFINITY:
        yield Note("fail count INFINITY", "bad", "it is kept off a node until its failures are cleaned up")
    elif failures:
        yield Note(number_of(failures, "failure"), "warn", "its fail counts on all nodes")
    if not values.get("managed", True):
        yield Note("unmanaged", "warn", "the cluster leaves it alone")


def _state(values: Mapping[str, Any]) -> str:
    return str(values["role"]) or UNKNOWN


def _searched(values: Mapping[str, Any]) -> str:
    return "\n".join([values["id"], values["agent"], values["kind"], *values["nodes"], *values["tickets"]]).lower()


def _in_order(resources: list[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], int]]:
    """Each resource with how deep it is, every collection before its parts; the order is the agent's else."""
    parts: dict[str, list[Mapping[str, Any]]] = {}
    known = {values["id"] for values in resources}
    for values in resources:
        parent = values["parent"]
        parts.setdefault(parent if parent in known else "", []).append(values)
    result: list[tuple[Mapping[str, Any], int]] = []
    waiting = [(values, 0) for values in reversed(parts.get("", []))]
    while waiting:
        values, depth = waiting.pop()
        result.append((values, depth))
        waiting += [(part, depth + 1) for part in reversed(parts.get(values["id"], []))]
    return result
