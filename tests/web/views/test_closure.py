"""The graph of a closure, held against the closure itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from consoles.values import Object
from consoles.web.views.closure import ClosureGraph, Edge, Node, closure_graph, closure_list
from consoles.web.views.relations import relations
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.references import RESOURCES
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket
from qmfagent.objects.snapshot import SnapshotObjects
from tests.cib.strategies import cibs

PARIS = Path(__file__).parents[2] / "demo" / "paris.xml"


def graph_of(snapshot: Snapshot, ticket: str, most: int = 300) -> ClosureGraph:
    """The graph, by what the agent would say of the configuration."""
    objects = SnapshotObjects("paris", snapshot, lambda name: {"next_run": 0})
    resources = [Object("paris", "Resource", each, objects.resource(each) or {}) for each in objects.resources()]
    constraints = [
        Object("paris", "Constraint", each, objects.constraint(each) or {}) for each in objects.constraints()
    ]
    return closure_graph(snapshot, ticket, resources, constraints, most)


def paris(ticket: str, most: int = 300) -> ClosureGraph:
    return graph_of(Snapshot.parse(PARIS.read_bytes()), ticket, most)


def test_what_travels_and_what_is_cut_off() -> None:
    graph = paris("db-ticket")
    assert graph.drawn
    assert not graph.folded
    assert {(node.id, node.kind, node.parent, node.outside) for node in graph.nodes} == {
        ("db-clone", "clone", "", False),
        ("db", "primitive", "db-clone", False),
        ("db-ip", "primitive", "", False),
        ("small-ip", "template", "", False),
        ("ticket:db-ticket", "ticket", "", False),
        ("paris-backup", "primitive", "", True),
    }
    assert set(graph.edges) == {
        Edge("db-ip", "small-ip", "template", "", "made from"),
        Edge("ticket:db-ticket", "db-clone", "ticket", "db-needs-ticket", "Promoted, demote"),
        Edge("ticket:db-ticket", "db-ip", "ticket", "db-ip-needs-ticket", "stop"),
        Edge("db-ip", "db-clone", "colocation", "db-ip-with-db", "any with Promoted, INFINITY"),
        Edge("db-clone", "db-ip", "order", "db-before-ip", "promote → start"),
        Edge("db-clone", "paris-backup", "order", "backup-after-db", "Optional", outside=True),
    }
    (boundary,) = graph.boundaries
    assert (boundary.id, boundary.kind, boundary.outside) == ("backup-after-db", "order", ("paris-backup",))
    assert boundary.sentences == ("start db-clone, then start paris-backup (Optional)",)


def test_groups_sets_rules_and_tags() -> None:
    graph = paris("web-ticket")
    assert [node.id for node in graph.nodes if node.parent == "web"] == ["web-fs", "web-ip", "web-server"]
    assert Edge("web", "shop-mailer", "order", "web-before-mailer", "") in graph.edges
    assert Edge("web", "rule:web-prefers-weekdays-rule", "location", "web-prefers-weekdays", "50") in graph.edges
    assert [each.id for each in graph.travelling if each.kind == "tag"] == ["shop"]


def test_a_large_closure_is_folded_and_a_larger_one_is_not_drawn() -> None:
    folded = paris("web-ticket", most=6)
    assert folded.folded
    assert folded.drawn
    assert Node("web", "group", "web", "3 inside") in folded.nodes
    assert not [node for node in folded.nodes if node.parent]
    assert Edge("web", "small-ip", "template", "", "made from") in folded.edges
    listed = paris("web-ticket", most=3)
    assert not listed.drawn
    assert listed.travelling == folded.travelling


@settings(max_examples=60, deadline=None)
@given(cibs(), st.sampled_from(("T", "U")))
def test_it_shows_just_what_the_closure_holds(cib: etree._Element, ticket: str) -> None:
    snapshot = Snapshot.of(cib)
    try:
        found = closure(snapshot, ticket)
    except (CibError, UnknownTicket):
        return
    graph = graph_of(snapshot, ticket)
    resources = {node.id for node in graph.nodes if not node.outside and node.kind not in ("ticket", "node", "rule")}
    assert resources == {each for top in found.sections["resources"] for each in _parts(snapshot.members[top])}
    listed = {each.id for each in graph.travelling}
    assert listed == {*found.sections["constraints"], *found.sections["tags"]}
    assert {(each.id, each.kind, each.outside) for each in graph.boundaries} == {
        (each.id, each.kind, each.outside) for each in found.boundaries
    }
    known = {node.id for node in graph.nodes}
    assert all({edge.source, edge.target} <= known for edge in graph.edges)
    assert {edge.constraint for edge in graph.edges if edge.outside} <= {each.id for each in graph.boundaries}
    assert {edge.constraint for edge in graph.edges if not edge.outside} <= {*found.sections["constraints"], ""}


def _parts(member: etree._Element) -> Iterator[str]:
    return (each.get("id", "") for each in member.iter(*RESOURCES, "template"))


def _pairs(xml: str) -> list[tuple[str, str]]:
    found = relations(etree.fromstring(xml), {}, lambda pattern, constraint: [])
    return [(each.source, each.target) for each in found]


def _set(*ids: str, **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    references = "".join(f'<resource_ref id="{each}"/>' for each in ids)
    return f"<resource_set{given}>{references}</resource_set>"


def test_sets_of_an_order_follow_each_other() -> None:
    sets = _set("a", "b") + _set("c", "d", sequential="false") + _set("e", "f")
    assert _pairs(f"<rsc_order id='o'>{sets}</rsc_order>") == [
        ("a", "b"),
        ("e", "f"),
        ("b", "c"),
        ("b", "d"),
        ("c", "e"),
        ("d", "e"),
    ]


def test_sets_of_a_colocation_lean_on_the_next() -> None:
    sets = _set("a", "b") + _set("c", "d", sequential="false") + _set("e", "f")
    assert _pairs(f"<rsc_colocation id='o'>{sets}</rsc_colocation>") == [
        ("b", "a"),
        ("f", "e"),
        ("a", "c"),
        ("a", "d"),
        ("c", "f"),
        ("d", "f"),
    ]


def test_who_may_not_read_the_configuration_gets_the_list() -> None:
    values = {"kind": "primitive", "agent": "ocf:pacemaker:Dummy", "parent": ""}
    resources = [Object("paris", "Resource", each, {"id": each, "tickets": [each], **values}) for each in ("a", "b")]
    constraint = {"id": "needs", "kind": "ticket", "resources": ["a"], "tickets": ["a"]}
    graph = closure_list("a", resources, [Object("paris", "Constraint", "needs", constraint)])
    assert [node.id for node in graph.resources] == ["a"]
    assert [(each.id, each.sentences) for each in graph.travelling] == [("needs", ("names a",))]
    assert not graph.drawn
    assert not graph.whole
