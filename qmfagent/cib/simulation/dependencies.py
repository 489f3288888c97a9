"""What the constraints of a configuration ask of each resource before it may run, resource by resource.

Rules of this file: mandatory constraints alone; a preference keeps nothing from running. A constraint counts for the
resources that it names, at whatever depth, a template or tag standing for what is made from it or in it.
Source: Pacemaker Explained, "Constraints"; the direction of sets: lib/pacemaker/pcmk_sched_ordering.c and
pcmk_sched_colocation.c, each case held against crm_simulate in tests/pacemaker/test_simulation.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.truth import is_true

_PROMOTED = frozenset({"promoted", "master"})
_INFINITE = 1_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """An order that has `other` started, or promoted, first."""

    id: str
    other: str
    promoted: bool


@dataclass(frozen=True, slots=True)
class Colocation:
    """A colocation with `other`, or where `apart` is set, one that keeps away from it. `promoted` tells that the resource is
    bound in that role only, `with_promoted` that it is bound to the other in that role."""

    id: str
    other: str
    apart: bool
    promoted: bool
    with_promoted: bool


@dataclass(frozen=True, slots=True)
class Location:
    """A location, or one of its rules: the node that it names, empty for a rule, and whether it keeps the resource off it.
    `promoted` tells that it does so in that role only, `exclusive` that only nodes named like this may be used at all."""

    id: str
    node: str
    off: bool
    promoted: bool
    exclusive: bool


@dataclass(frozen=True, slots=True)
class TicketNeed:
    """A ticket that has to be granted; `promoted` tells that the resource needs it in that role only."""

    id: str
    ticket: str
    promoted: bool


class Dependencies:
    """The mandatory constraints of one configuration, by the id of the resource that they hold back."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._references = snapshot.references
        self._snapshot = snapshot
        self.orders: dict[str, list[Order]] = defaultdict(list)
        self.colocations: dict[str, list[Colocation]] = defaultdict(list)
        self.locations: dict[str, list[Location]] = defaultdict(list)
        self.tickets: dict[str, list[TicketNeed]] = defaultdict(list)
        for constraint in self._references.constraints:
            element = snapshot.members[constraint.id]
            if constraint.tag == "rsc_order":
                self._read_order(element)
            elif constraint.tag == "rsc_colocation":
                self._read_colocation(element)
            elif constraint.tag == "rsc_location":
                self._read_location(element, constraint.ends)
            elif constraint.tag == "rsc_ticket":
                self._read_ticket(element, constraint.ends)

    def _read_order(self, element: etree._Element) -> None:
        identifier = element.get("id", "")
        kind, score = element.get("kind"), element.get("score")
        if not (kind == "Mandatory" if kind else score is None or _infinite(score) > 0):
            return
        for first, then, action in _ordered(element, self._sets(element)):
            if action in ("start", "promote"):
                for resource in self._named(then):
                    self.orders[resource] += [
                        Order(identifier, each, action == "promote") for each in self._named(first)
                    ]

    def _read_colocation(self, element: etree._Element) -> None:
        for dependent, primary, score in _colocated(element, self._sets(element)):
            if not (direction := _infinite(score)):
                continue
            for resource in self._named(dependent[0]):
                self.colocations[resource] += [
                    Colocation(element.get("id", ""), each, direction < 0, dependent[1], primary[1])
                    for each in self._named(primary[0])
                ]

    def _read_location(self, element: etree._Element, ends: Iterable[str]) -> None:
        identifier, promoted = element.get("id", ""), _in_role(element, "role", self._sets(element))
        exclusive = element.get("resource-discovery") == "exclusive"
        found = [
            Location(identifier, "", _infinite(rule.get("score", "")) < 0, promoted, exclusive)
            for rule in element.iterfind("rule")
        ]
        if node := element.get("node"):
            found.append(Location(identifier, node, _infinite(element.get("score", "")) < 0, promoted, exclusive))
        for end in ends:
            for resource in self._named(end):
                self.locations[resource] += found

    def _read_ticket(self, element: etree._Element, ends: Iterable[str]) -> None:
        promoted = _in_role(element, "rsc-role", self._sets(element))
        need = TicketNeed(element.get("id", ""), element.get("ticket", ""), promoted)
        for end in ends:
            for resource in self._named(end):
                self.tickets[resource].append(need)

    def _named(self, identifier: str) -> list[str]:
        return self._references.named_resources(identifier)

    def _sets(self, element: etree._Element) -> list[etree._Element]:
        """The sets of a constraint, those that it borrows included."""
        found = []
        for each in element.iterfind("resource_set"):
            definition = self._snapshot.ids.get(each.get("id-ref", "")) if each.get("id-ref") else each
            if definition is not None:
                found.append(definition)
        return found


def _ordered(element: etree._Element, sets: list[etree._Element]) -> Iterator[tuple[str, str, str]]:
    """What has to be done first, before what, and how: the id, the other id, start or promote."""
    if first := element.get("first"):
        yield first, element.get("then", ""), element.get("first-action", "start")
        return
    earlier: list[tuple[str, str]] = []
    for each in sets:
        action = each.get("action", "start")
        members = [(ref, action) for ref in _members(each)]
        for position, (member, _) in enumerate(members):
            inside = members[:position] if is_true(each.get("sequential", "true")) else []
            for before, how in earlier + inside:
                yield before, member, how
        # One of a set that asks for no more than that is no one's in particular.
        earlier = members if is_true(each.get("require-all", "true")) else []


def _colocated(
    element: etree._Element, sets: list[etree._Element]
) -> Iterator[tuple[tuple[str, bool], tuple[str, bool], str]]:
    """Who depends on whom, each with whether in the promoted role, and the score.

    In a set, each depends on the one before it; an earlier set depends on the next one.
    """
    score = element.get("score", "")
    if dependent := element.get("rsc"):
        bound = element.get("rsc-role", "").lower() in _PROMOTED
        yield (
            (dependent, bound),
            (element.get("with-rsc", ""), element.get("with-rsc-role", "").lower() in _PROMOTED),
            score,
        )
        return
    earlier: list[tuple[str, bool]] = []
    for each in sets:
        members = [(ref, each.get("role", "").lower() in _PROMOTED) for ref in _members(each)]
        if is_true(each.get("sequential", "true")):
            for before, member in pairwise(members):
                yield member, before, each.get("score", score)
        for former in earlier:
            for member in members:
                yield former, member, score
        earlier = members


def _members(resource_set: etree._Element) -> list[str]:
    return [reference.get("id", "") for reference in resource_set.iterfind("resource_ref")]


def _in_role(element: etree._Element, attribute: str, sets: list[etree._Element]) -> bool:
    """Whether a constraint is about the promoted role alone."""
    roles = [
        element.get(attribute),
        *(each.get("role") for each in sets),
        *(r.get("role") for r in element.iterfind("rule")),
    ]
    given = {role.lower() for role in roles if role}
    return bool(given) and given <= _PROMOTED


def _infinite(score: str) -> int:
    """1 for INFINITY, -1 for its opposite, 0 for everything less."""
    if score.lstrip("+-") == "INFINITY":
        return -1 if score.startswith("-") else 1
    try:
        number = int(score)
    except ValueError:
        return 0
    return 0 if abs(number) < _INFINITE else (1 if number > 0 else -1)
