"""The closure of a ticket as a graph: what would travel, how it hangs together, and what is cut off at its edge.

Rules of this file: pure. What travels is what the site's agent says (`tickets` of its Resource and Constraint objects); the
configuration only tells how the parts are related. The two may be of different moments: what one of them lacks is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from consoles.values import Object
from consoles.web.views.relations import NODE, RULE, TICKET, Relation, relations
from qmfagent.cib.ownership import is_ownership_tag
from qmfagent.cib.references import COLLECTIONS, RESOURCES
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError

MOST = 300
"""Nodes that a picture has at most."""


@dataclass(frozen=True, slots=True)
class Node:
    """Something in the picture. `kind` is that of a resource, or ticket, node, rule or unknown; `detail` a few words more;
    `parent` the collection it stands in. What is `outside` stays where it is."""

    id: str
    kind: str
    label: str
    detail: str = ""
    parent: str = ""
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation of a constraint, or of a template. `kind` is order, colocation, location, ticket or template; one of a
    constraint that does not travel is `outside`."""

    source: str
    target: str
    kind: str
    constraint: str
    label: str
    outside: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """A constraint or tag in words: what it says, and, where it does not travel, the ids outside that keep it here."""

    id: str
    kind: str
    sentences: tuple[str, ...]
    outside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosureGraph:
    """The graph. `folded` where collections stand for their parts, so that it has no more than MOST nodes; with more even
    so, `drawn` is false, and there is the list alone. It is not `whole` where the configuration may not be read: relations
    and boundaries are unknown then."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    travelling: tuple[Listed, ...]
    boundaries: tuple[Listed, ...]
    folded: bool = False
    drawn: bool = True
    whole: bool = True

    @property
    def resources(self) -> tuple[Node, ...]:
        """The resources and templates that travel."""
        return tuple(node for node in self.nodes if not node.outside and node.kind not in ("ticket", "node", "rule"))


def closure_graph(
    snapshot: Snapshot, ticket: str, resources: Iterable[Object], constraints: Iterable[Object], most: int = MOST
) -> ClosureGraph:
    """The graph of a ticket's closure, in a configuration and by what its agent says of the resources and constraints in it."""
    inside = {str(each.values["id"]) for each in resources if ticket in each.values["tickets"]}
    members = {str(each.values["id"]) for each in constraints if ticket in each.values["tickets"]}
    graph = _Builder(snapshot, inside, members).graph()
    if len(graph.nodes) > most:
        graph = _folded(graph)
    return replace(graph, drawn=len(graph.nodes) <= most)


def closure_list(ticket: str, resources: Iterable[Object], constraints: Iterable[Object]) -> ClosureGraph:
    """What travels by the word of the agent alone, for who may not read the configuration: nothing to draw."""
    nodes = tuple(
        Node(values["id"], values["kind"], values["id"], values["agent"], values["parent"])
        for values in (each.values for each in resources)
        if ticket in values["tickets"]
    )
    travelling = tuple(
        Listed(values["id"], values["kind"], (f"names {', '.join(values['resources'])}",))
        for values in (each.values for each in constraints)
        if ticket in values["tickets"]
    )
    return ClosureGraph(nodes, (), travelling, (), whole=False, drawn=False)


class _Builder:
    """Puts one graph together."""

    def __init__(self, snapshot: Snapshot, inside: set[str], members: set[str]) -> None:
        self._snapshot = snapshot
        self._references = snapshot.references
        self._inside = inside
        self._members = members
        self._ends = {each.id: each.ends for each in self._references.constraints}
        self._nodes: dict[str, Node] = {}
        self._edges: dict[Edge, None] = {}

    def graph(self) -> ClosureGraph:
        for resource in self._snapshot.section("resources"):
            if resource.get("id") in self._inside:
                self._add_resource(resource, "")
        self._add_templates()
        travelling, boundaries = [], []
        for constraint in self._snapshot.section("constraints"):
            identifier = constraint.get("id", "")
            if identifier in self._members:
                travelling.append(self._add_constraint(constraint, outside=False))
            elif self._touches(constraint):
                boundaries.append(self._add_constraint(constraint, outside=True))
        for tag in self._tags():
            (boundaries if tag.outside else travelling).append(tag)
        return ClosureGraph(tuple(self._nodes.values()), tuple(self._edges), tuple(travelling), tuple(boundaries))

    # -- resources

    def _add_resource(self, element: etree._Element, parent: str) -> None:
        identifier, kind = element.get("id", ""), "clone" if element.tag == "master" else str(element.tag)
        self._nodes[identifier] = Node(identifier, kind, identifier, _agent(element), parent)
        if element.tag in COLLECTIONS:
            for part in element.iterchildren(*RESOURCES):
                self._add_resource(part, identifier)

    def _add_templates(self) -> None:
        for template, primitives in self._references.made_from.items():
            for primitive in primitives:
                if template in self._nodes and primitive in self._nodes:
                    self._edges[Edge(primitive, template, "template", "", "made from")] = None

    # -- constraints

    def _touches(self, constraint: etree._Element) -> bool:
        ends = self._ends.get(constraint.get("id", ""), ())
        return any(not self._references.resolve(end).isdisjoint(self._inside) for end in ends)

    def _is_outside(self, end: str) -> bool:
        found = self._references.resolve(end)
        return not found or not found <= self._inside

    def _add_constraint(self, constraint: etree._Element, *, outside: bool) -> Listed:
        identifier, kind = constraint.get("id", ""), str(constraint.tag).removeprefix("rsc_")
        found = self._relations(constraint)
        for relation in found:
            self._add_relation(relation, kind, identifier, outside=outside)
        ends = tuple(end for end in self._ends.get(identifier, ()) if outside and self._is_outside(end))
        return Listed(identifier, kind, tuple(relation.sentence for relation in found), ends)

    def _relations(self, constraint: etree._Element) -> list[Relation]:
        try:
            return relations(constraint, self._snapshot.ids, self._references.matching)
        except CibError:  # a pattern that the agent could not follow either
            return []

    def _add_relation(self, relation: Relation, kind: str, constraint: str, *, outside: bool) -> None:
        sources, targets = self._of(relation.source), self._of(relation.target)
        for source in sources:
            for target in targets:
                # What is placed by nothing of the closure, a pattern has many of, belongs in no picture of it.
                if any(each.id in self._inside for each in (source, target)):
                    self._nodes.setdefault(source.id, source)
                    self._nodes.setdefault(target.id, target)
                    edge = Edge(source.id, target.id, kind, constraint, relation.label, outside)
                    self._edges[edge] = None

    def _of(self, end: str) -> list[Node]:
        """What an end of a relation stands for in the picture."""
        for prefix, kind in ((TICKET, "ticket"), (NODE, "node"), (RULE, "rule")):
            if end.startswith(prefix):
                return [Node(end, kind, end.removeprefix(prefix))]
        if end in self._nodes:
            return [self._nodes[end]]
        if end in self._references.derived:
            return [Node(end, "template", end, outside=True)]
        resources = self._references.named_resources(end)
        return [self._resource(each) for each in resources] or [Node(end, "unknown", end, outside=True)]

    def _resource(self, identifier: str) -> Node:
        if identifier in self._nodes:
            return self._nodes[identifier]
        top = self._references.container[identifier]
        element = self._snapshot.members[top]
        kind = "clone" if element.tag == "master" else str(element.tag)
        return Node(top, kind, top, _agent(element), outside=True)

    # -- tags

    def _tags(self) -> Iterator[Listed]:
        present = self._inside | self._members
        for identifier, ends in self._references.tags.items():
            existing = [end for end in ends if end in self._snapshot.ids]
            outside = tuple(end for end in existing if not self._in_a_member(end, present))
            if not is_ownership_tag(identifier) and len(outside) < len(existing):
                yield Listed(identifier, "tag", (f"names {', '.join(existing)}",), outside)

    def _in_a_member(self, identifier: str, present: set[str]) -> bool:
        chain = (identifier, *(each.get("id", "") for each in self._snapshot.ids[identifier].iterancestors()))
        return not present.isdisjoint(chain)


def _agent(element: etree._Element) -> str:
    return ":".join(part for name in ("class", "provider", "type") if (part := element.get(name)))


def _folded(graph: ClosureGraph) -> ClosureGraph:
    """The graph with collections in place of their parts."""
    parents = {node.id: node.parent for node in graph.nodes}
    tops = {identifier: _top(identifier, parents) for identifier in parents}
    edges = {
        replace(edge, source=tops[edge.source], target=tops[edge.target]): None
        for edge in graph.edges
        if tops[edge.source] != tops[edge.target]
    }
    parts: dict[str, int] = {}
    for identifier, top in tops.items():
        parts[top] = parts.get(top, 0) + (identifier != top)
    nodes = tuple(
        replace(node, detail=f"{parts[node.id]} inside") if parts[node.id] else node
        for node in graph.nodes
        if not node.parent
    )
    return replace(graph, nodes=nodes, edges=tuple(edges), folded=True)


def _top(identifier: str, parents: Mapping[str, str]) -> str:
    while parents.get(identifier):
        identifier = parents[identifier]
    return identifier
