"""Mangling a publication again after little of it has changed: the cost follows the change.

Rules of this file: what comes out is what a full run gives, always. Ticket rules and overrides of plain steps make of a member
what they make of it by itself, so members whose line is the same are passed over. Everything else is done anew: for other
rules of the site, another state of a ticket that is asked for, a select that is not plain, ticket rules where anything
borrows by id-ref; and XSLT steps are run on the whole document every time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.mangle import Mangled, Members, SiteRules, finish, mangle_members
from qmfagent.cib.mangling.ticket_rules import borrows, names_tickets
from qmfagent.cib.mangling.transform import Transformer
from qmfagent.cib.ticket import TicketState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Memory:
    """The last run for a ticket: of what, by which rules, with which states of the tickets asked for, and what it made of
    the members. `borrowing`: whether any of them may borrow by id-ref."""

    source: Closure
    rules: SiteRules
    states: Mapping[str, TicketState | None]
    members: Members
    borrowing: bool


def mangle_again(
    memory: Memory | None,
    source: Closure,
    tickets: Mapping[str, TicketState],
    rules: SiteRules,
    transformer: Transformer,
) -> tuple[Mangled, Memory]:
    """What qmfagent.cib.mangling.mangle.mangle gives, and what to remember for the next time. Raises as it does."""
    again = _members_again(memory, source, tickets, rules) if memory else None
    if memory and again:
        members, borrowing = again
    else:
        members, borrowing = mangle_members(source, tickets, rules), any(map(borrows, source.lines.values()))
    mangled = finish(source, members, rules, transformer)
    return mangled, Memory(source, rules, {name: tickets.get(name) for name in mangled.tickets}, members, borrowing)


def _members_again(
    memory: Memory, source: Closure, tickets: Mapping[str, TicketState], rules: SiteRules
) -> tuple[Members, bool] | None:
    """What is made of the members, from what is remembered; None where all of it has to be done anew."""
    if memory.rules != rules or any(tickets.get(name) != state for name, state in memory.states.items()):
        return None
    if not all(entry.plain for entry in rules.site.overrides):
        return None
    old, new = memory.source.lines, source.lines
    changed = [i for i, line in new.items() if old.get(i) != line]
    borrowing = memory.borrowing or any(borrows(new[i]) for i in changed)
    if borrowing and (memory.members.tickets or any(names_tickets(new[i]) for i in changed)):
        return None
    gone = old.keys() - new.keys()
    if not changed and not gone:
        return memory.members, borrowing
    part = mangle_members(_part(source, changed), tickets, rules)
    return _joined(memory.members, {*changed, *gone}, part), borrowing


def _part(source: Closure, identifiers: Iterable[str]) -> Closure:
    """A closure of some members alone."""
    sections = {
        section: {i: members[i] for i in identifiers if i in members} for section, members in source.sections.items()
    }
    return Closure(source.ticket, sections)


def _joined(known: Members, stale: set[str], new: Members) -> Members:
    """What is known, but for the stale members, and what is new."""
    return Members(
        _but(known.lines, stale, new.lines),
        tuple(_but(before, stale, after) for before, after in zip(known.places, new.places, strict=True)),
        _but(known.tickets, stale, new.tickets),
        _but(known.problems, stale, new.problems),
    )


def _but(known: Mapping[str, T], stale: set[str], new: Mapping[str, T]) -> Mapping[str, T]:
    if stale.isdisjoint(known):
        return {**known, **new} if new else known
    return {**{i: value for i, value in known.items() if i not in stale}, **new}
