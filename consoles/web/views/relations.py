"""What a constraint says of whom: its relations, one by one.

Rules of this file: pure. A relation goes the way that the constraint has it: from what is first to what comes then, from what
is placed to what it is placed with, from a resource to the node or rule that places it, from a ticket to what needs it. Sets
are taken apart as Pacemaker takes them apart.
Source: Pacemaker Explained, "Ordering Sets of Resources" and "Colocating Sets of Resources"; lib/pacemaker,
pcmk_sched_ordering.c and pcmk_sched_colocation.c (colocate_rsc_sets).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product

from lxml import etree

from qmfagent.cib.truth import is_true

TICKET = "ticket:"
NODE = "node:"
RULE = "rule:"
"""What the names of ends begin with that are no resources; what follows is the name of the ticket or node, or the rule's id."""


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation of a constraint. `source` and `target` are ids as the constraint has them, or begin with TICKET, NODE or
    RULE; `label` is a few words, `sentence` says it all."""

    source: str
    target: str
    label: str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Set:
    """A resource set: the ids in it, whether one follows the other, and what it says besides."""

    ids: tuple[str, ...]
    sequential: bool
    role: str
    action: str


def relations(
    constraint: etree._Element, definitions: Mapping[str, etree._Element], matching: Callable[[str, str], list[str]]
) -> list[Relation]:
    """The relations of a constraint; none for one of a kind that is not known.

    `definitions` are elements by id, for sets that are borrowed; `matching` gives the resources that a pattern of the
    constraint of that id means.
    """
    reader = _READERS.get(str(constraint.tag))
    sets = tuple(_sets(constraint, definitions))
    return list(reader(constraint, sets, matching)) if reader else []


def _sets(constraint: etree._Element, definitions: Mapping[str, etree._Element]) -> Iterator[_Set]:
    for element in constraint.iterfind("resource_set"):
        found = definitions.get(element.get("id-ref", ""), element)
        yield _Set(
            tuple(ref.get("id", "") for ref in found.iterfind("resource_ref")),
            is_true(found.get("sequential", "true")),
            found.get("role", ""),
            found.get("action", ""),
        )


_Matching = Callable[[str, str], list[str]]


def _order(constraint: etree._Element, sets: tuple[_Set, ...], matching: _Matching) -> Iterator[Relation]:
    kind = constraint.get("kind") or ("Optional" if constraint.get("score") == "0" else "Mandatory")
    notes = [kind] if kind != "Mandatory" else []
    if not is_true(constraint.get("symmetrical", "true")):
        notes.append("start only")

    def relation(first: str, then: str, first_action: str, then_action: str) -> Relation:
        actions = [f"{first_action or 'start'} → {then_action or first_action or 'start'}"]
        label = ", ".join([*(actions if first_action or then_action else []), *notes])
        sentence = f"{first_action or 'start'} {first}, then {then_action or first_action or 'start'} {then}"
        return Relation(first, then, label, _noted(sentence, notes))

    if first := constraint.get("first"):
        actions = constraint.get("first-action", ""), constraint.get("then-action", "")
        yield relation(first, constraint.get("then", ""), *actions)
    for each in sets:
        if each.sequential:
            yield from (relation(a, b, each.action, each.action) for a, b in pairwise(each.ids))
    for before, after in pairwise(sets):
        lasts = before.ids[-1:] if before.sequential else before.ids
        firsts = after.ids[:1] if after.sequential else after.ids
        yield from (relation(a, b, before.action, after.action) for a, b in product(lasts, firsts))


def _colocation(constraint: etree._Element, sets: tuple[_Set, ...], matching: _Matching) -> Iterator[Relation]:
    score = constraint.get("score", "INFINITY")

    def relation(placed: str, other: str, role: str, other_role: str) -> Relation:
        roles = [f"{role or 'any'} with {other_role or 'any'}"] if role or other_role else []
        together = "away from" if score.startswith("-") else "with"
        sentence = f"place {_as(placed, role)} {together} {_as(other, other_role)}"
        return Relation(placed, other, ", ".join([*roles, score]), _noted(sentence, [f"score {score}"]))

    if placed := constraint.get("rsc"):
        roles = constraint.get("rsc-role", ""), constraint.get("with-rsc-role", "")
        yield relation(placed, constraint.get("with-rsc", ""), *roles)
    for each in sets:
        if each.sequential:
            yield from (relation(b, a, each.role, each.role) for a, b in pairwise(each.ids))
    for before, after in pairwise(sets):
        placed_ids = before.ids[:1] if before.sequential else before.ids
        others = after.ids[-1:] if after.sequential else after.ids
        yield from (relation(a, b, before.role, after.role) for a, b in product(placed_ids, others))


def _location(constraint: etree._Element, sets: tuple[_Set, ...], matching: _Matching) -> Iterator[Relation]:
    named = [(constraint.get("rsc", ""), constraint.get("role", ""))] if constraint.get("rsc") else []
    named += [(each, one.role) for one in sets for each in one.ids]
    if pattern := constraint.get("rsc-pattern"):
        named += [(each, constraint.get("role", "")) for each in matching(pattern, constraint.get("id", ""))]
    targets = [(RULE + rule.get("id", ""), "a rule", rule) for rule in constraint.iterfind("rule")]
    if node := constraint.get("node"):
        targets.append((NODE + node, f"node {node}", constraint))
    for (resource, role), (target, words, scored) in product(named, targets):
        score = scored.get("score") or scored.get("score-attribute") or constraint.get("score", "")
        label = ", ".join(filter(None, (role, score)))
        sentence = f"place {_as(resource, role)} by {words}"
        yield Relation(resource, target, label, _noted(sentence, [f"score {score}"] if score else []))


def _ticket(constraint: etree._Element, sets: tuple[_Set, ...], matching: _Matching) -> Iterator[Relation]:
    ticket, loss = constraint.get("ticket", ""), constraint.get("loss-policy", "stop")
    named = [(constraint.get("rsc", ""), constraint.get("rsc-role", ""))] if constraint.get("rsc") else []
    named += [(each, one.role) for one in sets for each in one.ids]
    for resource, role in named:
        sentence = f"{_as(resource, role)} needs ticket {ticket}; when it is lost: {loss}"
        yield Relation(TICKET + ticket, resource, ", ".join(filter(None, (role, loss))), sentence)


def _as(identifier: str, role: str) -> str:
    return f"{identifier} as {role}" if role else identifier


def _noted(sentence: str, notes: list[str]) -> str:
    return f"{sentence} ({', '.join(notes)})" if notes else sentence


_READERS: Mapping[str, Callable[[etree._Element, tuple[_Set, ...], _Matching], Iterator[Relation]]] = {
    "rsc_order": _order,
    "rsc_colocation": _colocation,
    "rsc_location": _location,
    "rsc_ticket": _ticket,
}
