"""The values of the agent's objects, as one snapshot tells them: tickets, resources, nodes and constraints.

Rules of this file: pure; each object is worked out when it is asked for. The properties are those of schemas/qmfagent.xml.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from lxml import etree

from qmfagent.cib.closure import closure
from qmfagent.cib.ownership import all_owned_ids
from qmfagent.cib.references import COLLECTIONS, Constraint
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import STARTED, UNPROMOTED, NodeState, ResourceState, node_states, resource_states
from qmfagent.cib.ticket import TicketState
from qmfagent.cib.truth import is_true
from qmfagent.errors import CibError, UnknownTicket

NANOSECONDS = 1_000_000_000

Values = dict[str, Any]


class SnapshotObjects:
    """Objects of `site` in `snapshot`; `mode` gives the replication mode of a ticket."""

    def __init__(self, site: str, snapshot: Snapshot, mode: Callable[[str], str]) -> None:
        self.site = site
        self.snapshot = snapshot
        self._mode = mode

    # -- tickets

    @property
    def held(self) -> frozenset[str]:
        """Names of the tickets that are granted here."""
        return frozenset(name for name, state in self.snapshot.tickets.items() if state.granted)

    def knows_ticket(self, name: str) -> bool:
        """Whether a constraint or the status knows a ticket."""
        return name in self.snapshot.references.tickets or name in self.snapshot.tickets

    def tickets(self) -> Iterable[str]:
        """Names of the tickets that constraints or the status know."""
        return sorted({*self.snapshot.references.tickets, *self.snapshot.tickets})

    def ticket(self, name: str) -> Values:
        """One ticket; one that nothing here knows is not granted and has no resources."""
        state = self.snapshot.tickets.get(name, TicketState(name))
        resources, digest = self._closure(name)
        return {
            "name": name,
            "site": self.site,
            "granted": state.granted,
            "standby": state.standby,
            "last_granted": state.last_granted * NANOSECONDS,
            "term": str(state.term),
            "mode": self._mode(name),
            "resources": resources,
            "digest": digest,
        }

    def _closure(self, ticket: str) -> tuple[list[str], str]:
        try:
            found = closure(self.snapshot, ticket)
        except (UnknownTicket, CibError):
            return [], ""
        return list(found.sections["resources"]), found.digest

    @cached_property
    def tickets_of(self) -> Mapping[str, list[str]]:
        """For every member of a closure, the tickets whose closure it is in."""
        found: dict[str, list[str]] = defaultdict(list)
        for ticket in self.snapshot.references.tickets:
            try:
                lines = closure(self.snapshot, ticket).lines
            except CibError:
                continue
            for identifier in lines:
                found[identifier].append(ticket)
        return found

    @cached_property
    def owned(self) -> frozenset[str]:
        """Ids of what an apply has delivered here or, at the holder, of what is published."""
        return all_owned_ids(self.snapshot)

    # -- resources

    @cached_property
    def states(self) -> Mapping[str, ResourceState]:
        """The state of every primitive, by id."""
        return resource_states(self.snapshot)

    def resources(self) -> Iterable[str]:
        """Ids of all resources, at whatever depth, and templates."""
        return [*self.snapshot.references.container, *self.snapshot.references.derived]

    def is_resource(self, identifier: str) -> bool:
        """Whether there is a resource or template of that id."""
        return identifier in self.snapshot.references.container or identifier in self.snapshot.references.derived

    def resource(self, identifier: str) -> Values | None:
        """One resource or template; None where there is none of that id."""
        references = self.snapshot.references
        top = references.container.get(identifier, identifier)
        if not self.is_resource(identifier):
            return None
        element = self.snapshot.members[top] if top == identifier else self.snapshot.ids[identifier]
        parent = element.getparent()
        state = self._state(element)
        return {
            "id": identifier,
            "site": self.site,
            "kind": "clone" if element.tag == "master" else str(element.tag),
            "agent": ":".join(part for name in ("class", "provider", "type") if (part := element.get(name))),
            "parent": "" if parent is None or parent.tag == "resources" else parent.get("id", ""),
            "tickets": self.tickets_of.get(top, []),
            "owned": top in self.owned,
            "role": state.role,
            "nodes": list(state.nodes),
        }

    def _state(self, element: etree._Element) -> ResourceState:
        if element.tag == "template":
            return ResourceState()
        if element.tag in COLLECTIONS:
            states = [self._state(primitive) for primitive in element.iter("primitive")]
            roles = {state.role for state in states}
            nodes = tuple(sorted({node for state in states for node in state.nodes}))
            return ResourceState(roles.pop() if len(roles) == 1 else "", nodes)
        state = self.states.get(element.get("id", ""), ResourceState())
        if state.role == STARTED and any(
            _promotable(ancestor) for ancestor in element.iterancestors("clone", "master")
        ):
            return ResourceState(UNPROMOTED, state.nodes)
        return state

    # -- nodes

    @cached_property
    def _nodes(self) -> Mapping[str, NodeState]:
        return {node.name: node for node in node_states(self.snapshot)}

    def nodes(self) -> Iterable[str]:
        """Names of all nodes."""
        return self._nodes

    def node(self, name: str) -> Values | None:
        """One node; None where there is none of that name."""
        node = self._nodes.get(name)
        if node is None:
            return None
        return {"name": name, "site": self.site, "id": node.id, "online": node.online, "standby": node.standby}

    # -- constraints

    @cached_property
    def _constraints(self) -> Mapping[str, Constraint]:
        return {constraint.id: constraint for constraint in self.snapshot.references.constraints}

    def constraints(self) -> Iterable[str]:
        """Ids of all constraints."""
        return self._constraints

    def constraint(self, identifier: str) -> Values | None:
        """One constraint; None where there is none of that id."""
        found = self._constraints.get(identifier)
        if found is None:
            return None
        return {
            "id": identifier,
            "site": self.site,
            "kind": found.tag.removeprefix("rsc_"),
            "resources": list(found.ends),
            "ticket": found.ticket,
            "tickets": self.tickets_of.get(identifier, []),
            "owned": identifier in self.owned,
        }


def _promotable(clone: etree._Element) -> bool:
    if clone.tag == "master":
        return True
    pairs = clone.iterfind("meta_attributes/nvpair[@name='promotable']")
    return any(is_true(pair.get("value", "")) for pair in pairs)
