"""What is new in a closure against an earlier one, and the closure from both.

Rules of this file: pure. Whoever puts them together gets what the whole document would have given, or an error: a change that
could tie members to others is checked as a whole document is. A change of values alone can't, and costs what has changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, check_shape, from_document
from qmfagent.cib.plans.difference import member_changes
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError


def changed_members(earlier: Closure, now: Closure) -> tuple[Closure, tuple[str, ...]]:
    """The members of `now` that are not in `earlier`, or others there; and the ids of those that are gone, sorted."""
    sections, removed = {}, []
    for section, members in now.sections.items():
        known = earlier.sections.get(section, {})
        sections[section] = {i: line for i, line in members.items() if known.get(i) != line}
        removed += [identifier for identifier in known if identifier not in members]
    return Closure(now.ticket, sections), tuple(sorted(removed))


def sharing(now: Closure, earlier: Closure) -> Closure:
    """`now` without what was worked out of it, its members being those of `earlier` where they are alike: those of a CIB that
    was read anew are other objects, and take as much room again."""
    sections: dict[str, Mapping[str, bytes]] = {}
    for section, members in now.sections.items():
        known = earlier.sections.get(section, {})
        if members is known:
            sections[section] = known
        else:
            sections[section] = {i: known[i] if known.get(i) == line else line for i, line in members.items()}
    return Closure(now.ticket, sections)


def updated(earlier: Closure, changed: bytes, removed: Collection[str], name: str) -> Closure:
    """The closure that follows `earlier`: `changed` is the document of the first, `removed` the second of changed_members.

    `name` is what they are together, for errors. Raises CibError where the result is no closure of the ticket.
    """
    snapshot = Snapshot.parse(changed, name)
    check_shape(snapshot, name)
    lines = snapshot.lines
    missing = [identifier for identifier in removed if identifier not in earlier.lines]
    if missing:
        raise CibError(f"{name} takes away {missing[0]}, which was not there")
    if not removed and all(_differs_in_values(earlier.lines.get(i, b""), line) for i, line in lines.items()):
        return earlier.renewed(lines)
    sections: dict[str, Mapping[str, bytes]] = {}
    for section in document.SECTIONS:
        given = {str(member.get("id")) for member in snapshot.section(section)}
        kept = {i: line for i, line in earlier.sections[section].items() if i not in removed and i not in lines}
        sections[section] = {**kept, **{i: lines[i] for i in given}}
    return from_document(earlier.ticket, Closure(earlier.ticket, sections).canonical, name)


def _differs_in_values(before: bytes, after: bytes) -> bool:
    """Whether two lines of a member differ in the `value` of parts alone, which no reference goes by."""
    if not before:
        return False
    changes = member_changes(document.parse_element(before), document.parse_element(after), "")
    return changes is not None and all(
        change.operation == "modify" and {a.name for a in change.attributes} == {"value"} for change in changes
    )
