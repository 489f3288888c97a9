"""Which ids belong to a ticket: the walk through the reference graph that a closure is built from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qmfagent.cib import document
from qmfagent.cib.ownership import is_ownership_tag
from qmfagent.cib.references import References
from qmfagent.errors import CibError

if TYPE_CHECKING:
    from qmfagent.cib.snapshot import Snapshot


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

    `tags` gives for each tag the references that are inside.
    """

    resources: tuple[str, ...]
    constraints: tuple[str, ...]
    tags: dict[str, tuple[str, ...]]
    boundaries: tuple[Boundary, ...]


def membership(snapshot: Snapshot, ticket: str) -> Membership:
    """What depends on `ticket`. Raises CibError where its constraints or the resources refer to what does not exist."""
    references = snapshot.references
    inside = _resources(snapshot, references, ticket)
    constraints, boundaries = _constraints(references, inside)
    tags, tag_boundaries = _tags(snapshot, references, inside | set(constraints), constraints)
    resources = tuple(i for i in references.resources if i in inside)
    return Membership(resources, tuple(constraints), tags, tuple(boundaries + tag_boundaries))


def _resources(snapshot: Snapshot, references: References, ticket: str) -> set[str]:
    inside: set[str] = set()
    for constraint in references.constraints:
        if constraint.ticket != ticket:
            continue
        for end in constraint.ends:
            found = references.resolve(end)
            if not found:
                raise CibError(
                    f"ticket constraint {constraint.id} refers to {end!r}, which is no resource, template or tag",
                    hint="correct the constraint or delete it",
                )
            inside |= found
    for template, primitives in references.made_from.items():
        if any(references.container[primitive] in inside for primitive in primitives):
            if template not in references.derived:
                raise CibError(f"primitive {primitives[0]} is made from template {template!r}, which does not exist")
            inside.add(template)
    return inside


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
    snapshot: Snapshot, references: References, present: set[str], constraints: dict[str, None]
) -> tuple[dict[str, tuple[str, ...]], list[Boundary]]:
    """A tag that a constraint inside refers to comes along with what is inside; any other one whole or not at all.

    References to what does not exist any more are passed over: deleting an object leaves them behind.
    """
    needed = {end for c in references.constraints if c.id in constraints for end in c.ends if end in references.tags}
    members: dict[str, tuple[str, ...]] = {}
    boundaries = []
    for identifier, ends in references.tags.items():
        if is_ownership_tag(identifier):
            continue
        existing = [end for end in ends if end in snapshot.ids]
        within = tuple(end for end in existing if document.member_of(snapshot.ids[end]).get("id") in present)
        outside = tuple(end for end in existing if end not in within)
        if within and (not outside or identifier in needed):
            members[identifier] = within
        elif within:
            boundaries.append(Boundary(identifier, "tag", within, outside))
    return members, boundaries
