"""Which ids belong to a ticket: the walk through the reference graph that a closure is built from."""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.cib import document
from qmfagent.cib.ownership import is_ownership_tag
from qmfagent.cib.references import References
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError


@dataclass(frozen=True, slots=True)
class Boundary:
    """A constraint or tag with one end inside a closure and one outside: it stays where it is."""

    id: str
    kind: str
    inside: tuple[str, ...]
    outside: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ties {', '.join(self.inside)} to {', '.join(self.outside)}, which stays here"


@dataclass(frozen=True, slots=True)
class Membership:
    """The ids of a closure's members, in document order, and what stands across its edge.

    `tags` gives for each tag the references that are inside. `independent` are the primitives that come along as parts of
    a collection and that the ticket does not hold back.
    """

    resources: tuple[str, ...]
    constraints: tuple[str, ...]
    tags: dict[str, tuple[str, ...]]
    boundaries: tuple[Boundary, ...]
    independent: tuple[str, ...]


def membership(snapshot: Snapshot, ticket: str) -> Membership:
    """What depends on `ticket`. Raises CibError where its constraints or the resources refer to what does not exist."""
    references = snapshot.references
    inside = _resources(references, ticket)
    constraints, boundaries = _constraints(references, inside)
    tags, tag_boundaries = _tags(snapshot, references, inside | set(constraints))
    resources = tuple(i for i in references.resources if i in inside)
    independent = _independent(snapshot, references, ticket)
    return Membership(resources, tuple(constraints), tags, tuple(boundaries + tag_boundaries), independent)


def _resources(references: References, ticket: str) -> set[str]:
    inside: set[str] = set()
    for constraint in references.of_ticket(ticket):
        for end in constraint.ends:
            found = references.resolve(end)
            if not found:
                raise CibError(
                    f"ticket constraint {constraint.id} refers to {end!r}, which {_fault(references, end)}",
                    hint="correct the constraint or delete it",
                )
            if own := found & references.own_agents:
                raise CibError(
                    f"ticket constraint {constraint.id} names {min(own)!r}, which runs qmfagent itself, beside others",
                    hint="give it a ticket constraint of its own: it is not replicated",
                )
            inside |= found
    for template, primitives in references.made_from.items():
        if any(references.container[primitive] in inside for primitive in primitives):
            if template not in references.derived:
                raise CibError(f"primitive {primitives[0]} is made from template {template!r}, which does not exist")
            inside.add(template)
    return inside


def _fault(references: References, end: str) -> str:
    others = [member for member in references.tags.get(end, ()) if member not in references.container]
    if others:
        return f"is a tag that also refers to {others[0]!r}; that is no resource, and makes Pacemaker ignore the constraint"
    return "is no resource, template or tag"


def _constraints(references: References, inside: set[str]) -> tuple[dict[str, None], list[Boundary]]:
    members: dict[str, None] = {}
    boundaries = []
    for constraint in references.constraints:
        within: list[str] = []
        outside: list[str] = []
        for end in constraint.ends:
            found = references.resolve(end)
            if found and found <= inside:
                within.append(end)
            else:
                outside.append(end)
                if not found.isdisjoint(inside):
                    within.append(end)
        if within and not outside:
            members[constraint.id] = None
        elif within:
            kind = constraint.tag.removeprefix("rsc_")
            boundaries.append(Boundary(constraint.id, kind, tuple(within), tuple(outside)))
    return members, boundaries


def _tags(
    snapshot: Snapshot, references: References, present: set[str]
) -> tuple[dict[str, tuple[str, ...]], list[Boundary]]:
    """A tag comes along when all it refers to is inside.

    References to what does not exist any more are passed over: deleting an object leaves them behind.
    """
    members: dict[str, tuple[str, ...]] = {}
    boundaries = []
    for identifier, ends in references.tags.items():
        if is_ownership_tag(identifier):
            continue
        existing = [end for end in ends if end in snapshot.ids]
        within = tuple(end for end in existing if document.member_of(snapshot.ids[end]).get("id") in present)
        outside = tuple(end for end in existing if end not in within)
        if within and not outside:
            members[identifier] = within
        elif within:
            boundaries.append(Boundary(identifier, "tag", within, outside))
    return members, boundaries


def _independent(snapshot: Snapshot, references: References, ticket: str) -> tuple[str, ...]:
    """Primitives of the closure that can run without the ticket, since its constraints name other parts of a collection.

    Pacemaker 2.1 lets a constraint on a member of a group hold that member and those after it, and gives one on a part of
    a clone or bundle no effect at all (seen with crm_simulate).
    """
    named: dict[str, list[str]] = {}
    for constraint in references.of_ticket(ticket):
        for end in constraint.ends:
            for resource in references.named_resources(end):
                named.setdefault(references.container[resource], []).append(resource)
    free: list[str] = []
    for top, resources in named.items():
        if top not in resources:
            collection = snapshot.members[top]
            primitives = [str(e.get("id")) for e in collection.iterdescendants("primitive")]
            held = [i for i, primitive in enumerate(primitives) if primitive in resources]
            free += primitives[: held[0]] if held and collection.tag == "group" else primitives
    return tuple(free)
