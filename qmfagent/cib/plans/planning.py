"""Computing a plan from a site's snapshot and a mangled closure.

Rules of this file: it is pure; the same snapshot and closure give the same plan. What may be touched is scope's to say, how
it is written is difference's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.closure.inline import restore_references
from qmfagent.cib.mangling.overrides import OverrideUse
from qmfagent.cib.mangling.ticket_rules_back import restore_ticket_rules
from qmfagent.cib.ownership import tag_id, tag_line
from qmfagent.cib.plans.difference import MemberDifference
from qmfagent.cib.plans.drift import find_drift
from qmfagent.cib.plans.edits import edits
from qmfagent.cib.plans.overwriting import weigh
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.plans.scope import Scope, dangling, lacking, reaching_patterns
from qmfagent.cib.plans.unused import unused
from qmfagent.cib.snapshot import Snapshot

_NOTHING: Mapping[str, bytes] = {}


def make_plan(
    target: Snapshot,
    mangled: Closure,
    *,
    overrides: tuple[OverrideUse, ...] = (),
    adopt: bool = False,
    problems: tuple[Problem, ...] = (),
    delivered: Mapping[str, bytes] = _NOTHING,
    keep_drift: bool = False,
) -> Plan:
    """What brings `target` to `mangled`, the closure as this site is to have it.

    `problems` are those that were found with it elsewhere. `delivered` are the canonical lines, by id, of what was delivered
    last: where the target differs from them, the plan says so, and with `keep_drift` leaves it. Raises CibError where the
    target's own configuration is broken. Never changes anything.
    """
    ticket = mangled.ticket
    scope = Scope(target, mangled, adopt)
    drifted = _overwritten(target, scope, mangled, delivered)
    arriving = {
        i: document.canonical(_as_here(scope, target, i, mangled.lines[i])) for i in drifted if i in mangled.lines
    }
    overwriting = weigh(drifted, delivered, arriving, keep=keep_drift)
    left = {i: drifted[i] for i in overwriting.kept}
    wanted = {i: left.get(i, line) for i, line in mangled.lines.items()} if left else mangled.lines
    differing = _differing(target, scope, ticket, {i: line for i, line in wanted.items() if line} if left else wanted)
    elements = {i: _as_here(scope, target, i, after) for i, _, after in differing if after}
    differing = [d for d in differing if not d[2] or document.canonical(elements[d[0]]) != d[1]]
    elements = {i: elements[i] for i, _, after in differing if after}
    found = [
        *problems,
        *_standing_against(target, scope, mangled, differing, elements),
        *unused(overrides, target, ticket),
        *(Problem("independent", "warning", _independent(i, ticket)) for i in mangled.independent),
        *overwriting.problems,
        *lacking(target, left, mangled.lines, elements),
        *_held(target, ticket),
    ]
    return Plan(
        ticket,
        target.version,
        target.config_digest,
        tuple(edits(target, differing, elements)),
        tuple(sorted(scope.adopted)),
        overrides,
        mangled.boundaries,
        tuple(found),
        kept=overwriting.kept,
    )


def make_restoration(
    target: Snapshot,
    wanted: Closure,
    cause: str,
    *,
    released: Mapping[str, bytes] = _NOTHING,
    delivered: Mapping[str, bytes] = _NOTHING,
) -> Plan:
    """What brings what is owned in `target` to `wanted`: those members, in those bytes, and no others.

    `released` are members that are to be this site's own again, with their lines; `delivered` as in make_plan. What was
    owned and is this site's own now is taken over again where it depends on the ticket. Raises CibError where the target's
    own configuration is broken. Never changes anything.
    """
    ticket = wanted.ticket
    scope = Scope(target, wanted, adopt=True)
    differing = _differing(target, scope, ticket, wanted.lines, released=released, exact=True)
    elements = {i: document.parse_element(after) for i, _, after in differing if after}
    drifted = find_drift(target, ticket, delivered).members
    arriving = {**wanted.lines, **released}
    found = [
        *_standing_against(target, scope, wanted, differing, elements),
        *weigh(drifted, delivered, arriving, keep=False).problems,
        *_held(target, ticket),
    ]
    return Plan(
        ticket,
        target.version,
        target.config_digest,
        tuple(edits(target, differing, elements, exact=True)),
        tuple(sorted(scope.adopted)),
        problems=tuple(found),
        cause=cause,
        released=tuple(sorted(released)),
    )


def _overwritten(
    target: Snapshot, scope: Scope, mangled: Closure, delivered: Mapping[str, bytes]
) -> Mapping[str, bytes]:
    """The drifted members, but for those that stay all the same since this site would publish them as they come."""
    drifted = find_drift(target, mangled.ticket, delivered).members
    return {i: now for i, now in drifted.items() if not scope.unchanged(i, now, mangled.lines.get(i, b""))}


def _standing_against(
    target: Snapshot,
    scope: Scope,
    wanted: Closure,
    differing: list[MemberDifference],
    elements: Mapping[str, etree._Element],
) -> Iterable[Problem]:
    yield from scope.clashes.values()
    yield from scope.part_clashes(elements)
    yield from dangling(target, differing, elements)
    yield from reaching_patterns(target, wanted, elements)


def _held(target: Snapshot, ticket: str) -> Iterable[Problem]:
    state = target.tickets.get(ticket)
    if state is not None and state.granted:
        yield Problem("holder", "warning", f"this site holds ticket {ticket!r}: an agent here refuses the apply")


def _differing(
    target: Snapshot,
    scope: Scope,
    ticket: str,
    new: Mapping[str, bytes],
    *,
    released: Mapping[str, bytes] = _NOTHING,
    exact: bool = False,
) -> list[MemberDifference]:
    """Members of the target to be created, changed or deleted, the record of what is owned among them."""
    known = target.lines
    record = tag_id(ticket)
    ours = scope.ours - scope.retained if scope.retained else scope.ours
    recorded = target.references.tags.get(record, ())
    stays = all(map(new.__contains__, recorded))
    going: Collection[str] = () if stays else sorted(ours.difference(new, (record,)))
    found = [(i, known[i], released.get(i, b"")) for i in going if released.get(i) != known[i]]
    found += [(i, b"", line) for i, line in released.items() if i not in known]
    found += [(i, known[i] if i in ours else b"", line) for i, line in new.items() if known.get(i) != line]
    if len(recorded) != len(new) or not stays:
        line = tag_line(ticket, new) if new else b""
        found.append((record, known[record] if record in ours else b"", line))
    if exact:
        return [(i, before, after) for i, before, after in found if before != after]
    return [(i, before, after) for i, before, after in found if not scope.unchanged(i, before, after)]


def _independent(identifier: str, ticket: str) -> str:
    return (
        f"primitive {identifier!r} comes along with its collection, but ticket {ticket!r} does not hold it back: it can"
        " run at every site; let the ticket constraint name the whole collection"
    )


def _as_here(scope: Scope, target: Snapshot, identifier: str, line: bytes) -> etree._Element:
    element = document.parse_element(line, f"the publication's {identifier}")
    current, published = target.members.get(identifier), scope.published_here.get(identifier)
    if current is None or not published:
        return element
    if target.references.borrowing:
        element = restore_references(element, current, document.parse_element(published))
    return restore_ticket_rules(element, current, scope.ticket)
