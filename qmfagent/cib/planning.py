"""Computing a plan from a site's snapshot and a mangled closure.

Rules of this file: it is pure; the same snapshot and closure give the same plan. What may be touched is scope's to say, how
it is written is difference's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lxml import etree

from qmfagent.cib import difference, document
from qmfagent.cib.closure import Closure
from qmfagent.cib.difference import Change, MemberDifference
from qmfagent.cib.inline import restore_references
from qmfagent.cib.overrides import OverrideUse
from qmfagent.cib.ownership import tag_id, tag_line
from qmfagent.cib.plan import Plan, Problem
from qmfagent.cib.scope import Scope, dangling, reaching_patterns
from qmfagent.cib.snapshot import Snapshot


def make_plan(
    target: Snapshot,
    mangled: Closure,
    *,
    overrides: tuple[OverrideUse, ...] = (),
    adopt: bool = False,
    problems: tuple[Problem, ...] = (),
) -> Plan:
    """What brings `target` to `mangled`, the closure as this site is to have it.

    `problems` are those that were found with it elsewhere. Raises CibError where the target's own configuration is broken.
    Never changes anything.
    """
    ticket = mangled.ticket
    scope = Scope(target, mangled, adopt)
    differing = _differing(target, scope, mangled)
    elements = {i: _as_here(scope, target, i, after) for i, _, after in differing if after}
    differing = [d for d in differing if not d[2] or document.canonical(elements[d[0]]) != d[1]]
    elements = {i: elements[i] for i, _, after in differing if after}
    found = [
        *problems,
        *scope.clashes.values(),
        *scope.part_clashes(elements),
        *dangling(target, differing, elements),
        *reaching_patterns(target, mangled, elements),
        *(Problem("override-unused", "note", o.remark) for o in overrides if not o.places),
        *(Problem("independent", "warning", _independent(i, ticket)) for i in mangled.independent),
    ]
    state = target.tickets.get(ticket)
    if state is not None and state.granted:
        found.append(
            Problem("holder", "warning", f"this site holds ticket {ticket!r}: an agent here refuses the apply")
        )
    return Plan(
        ticket,
        target.version,
        target.config_digest,
        tuple(_changes(target, differing, elements)),
        tuple(sorted(scope.adopted)),
        overrides,
        mangled.boundaries,
        tuple(found),
    )


def _differing(target: Snapshot, scope: Scope, mangled: Closure) -> list[MemberDifference]:
    """Members of the target to be created, changed or deleted, the record of what is owned among them."""
    known, new = target.lines, mangled.lines
    record = tag_id(mangled.ticket)
    ours = scope.ours - scope.retained if scope.retained else scope.ours
    recorded = target.references.tags.get(record, ())
    stays = all(map(new.__contains__, recorded))
    found = [] if stays else [(i, known[i], b"") for i in sorted(ours.difference(new)) if i != record]
    found += [(i, known[i] if i in ours else b"", line) for i, line in new.items() if known.get(i) != line]
    if len(recorded) != len(new) or not stays:
        line = tag_line(mangled.ticket, new) if new else b""
        found.append((record, known[record] if record in ours else b"", line))
    return [(i, before, after) for i, before, after in found if not scope.unchanged(i, before, after)]


def _independent(identifier: str, ticket: str) -> str:
    return (
        f"primitive {identifier!r} comes along with its collection, but ticket {ticket!r} does not hold it back: it can"
        " run at every site; let the ticket constraint name the whole collection"
    )


def _changes(
    target: Snapshot, differing: list[MemberDifference], elements: Mapping[str, etree._Element]
) -> list[Change]:
    deletions, edits, created = [], [], []
    for identifier, before, after in differing:
        if not before:
            if identifier not in target.members:
                created.append(elements[identifier])
            continue
        current = target.members[identifier]
        path = document.element_path(current)
        edit = difference.member_changes(current, elements[identifier], path) if after else None
        if edit is None:
            deletions.append(difference.deletion(current, path, identifier))
            if after:
                created.append(elements[identifier])
        else:
            edits += edit
    return [*deletions, *edits, *_creations(target, deletions, created)]


def _creations(target: Snapshot, deletions: list[Change], created: list[etree._Element]) -> Iterable[Change]:
    for section in document.SECTIONS:
        members = [e for e in created if _section_of(e) == section]
        parent = target.configuration.find(section)
        if members and parent is None:
            element = etree.Element(section)
            element.extend(members)
            only = str(element[0].get("id")) if len(element) == 1 else ""
            yield difference.creation(element, "/cib/configuration", len(target.configuration), only)
        elif members and parent is not None:
            path = f"/cib/configuration/{section}"
            kept = len(parent) - sum(d.path.startswith(path + "/") for d in deletions)
            for offset, element in enumerate(members):
                yield difference.creation(element, path, kept + offset, str(element.get("id")))


def _as_here(scope: Scope, target: Snapshot, identifier: str, line: bytes) -> etree._Element:
    element = document.parse_element(line, f"the publication's {identifier}")
    current, published = target.members.get(identifier), scope.published_here.get(identifier)
    if current is not None and published and target.references.borrowing:
        return restore_references(element, current, document.parse_element(published))
    return element


def _section_of(element: etree._Element) -> str:
    tag = str(element.tag)
    return "constraints" if tag.startswith("rsc_") else "tags" if tag == "tag" else "resources"
