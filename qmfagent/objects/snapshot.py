"""The values of the agent's objects, as one snapshot tells them: tickets, resources, nodes and constraints.

Rules of this file: pure; each object is worked out when it is asked for. The properties are those of schemas/qmfagent.xml.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from lxml import etree

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.failures import fail_counts
from qmfagent.cib.maintenance import unmanaged
from qmfagent.cib.ownership import all_owned_ids
from qmfagent.cib.references import COLLECTIONS, Constraint
from qmfagent.cib.scores import INFINITY
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import STARTED, UNPROMOTED, NodeState, ResourceState, node_states, resource_states, under_way
from qmfagent.cib.ticket import BoothView, TicketState, noted
from qmfagent.cib.truth import is_true
from qmfagent.errors import CibError, UnknownTicket

NANOSECONDS = 1_000_000_000

Values = dict[str, Any]


class SnapshotObjects:
    """Objects of `site` in `snapshot`; `following` tells how a ticket is followed here: mode, on_drift, paused, pinned, and
    next_run in seconds since the epoch; `booth` what booth says of one that is in a state."""

    def __init__(
        self,
        site: str,
        snapshot: Snapshot,
        following: Callable[[str], Values],
        booth: Callable[[TicketState], BoothView] = noted,
    ) -> None:
        self.site = site
        self.snapshot = snapshot
        self._following = following
        self._booth = booth

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
        following, booth = self._following(name), self._booth(state)
        return {
            "name": name,
            "site": self.site,
            "granted": state.granted,
            "standby": state.standby,
            "last_granted": state.last_granted * NANOSECONDS,
            "term": str(state.term),
            **following,
            "next_run": 0 if state.granted else int(following["next_run"]) * NANOSECONDS,
            "resources": resources,
            "digest": digest,
            "booth": booth.config,
            "owner": booth.owner,
            "expires": booth.expires * NANOSECONDS,
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

    @cached_property
    def under_way(self) -> Mapping[str, str]:
        """The operation that is under way for a primitive, in crm_mon's word, by id."""
        return under_way(self.snapshot)

    @cached_property
    def fail_counts(self) -> Mapping[str, int]:
        """How often each primitive that has failed did so on all nodes together, by id."""
        return fail_counts(self.snapshot)

    @cached_property
    def unmanaged(self) -> frozenset[str]:
        """Ids of the resources that the cluster leaves alone, those that run on nodes in maintenance alone included."""
        nodes = {node.name for node in self._nodes.values() if node.maintenance}
        there = (
            (i for i, state in self.states.items() if state.nodes and nodes.issuperset(state.nodes)) if nodes else ()
        )
        return unmanaged(self.snapshot).union(there)

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
            "managed": identifier not in self.unmanaged,
            "failures": self._failures(element),
            "pending": self.under_way.get(identifier, ""),
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

    def _failures(self, element: etree._Element) -> int:
        if not self.fail_counts:
            return 0
        counts = (self.fail_counts.get(primitive.get("id", ""), 0) for primitive in element.iter("primitive"))
        return min(sum(counts), INFINITY)

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
        return {
            "name": name,
            "site": self.site,
            "id": node.id,
            "online": node.online,
            "standby": node.standby,
            "maintenance": node.maintenance,
        }

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
