"""Making a publication fit for one site: its ticket rules first, then the site's overrides, then its XSLT steps.

Rules of this file: the order is fixed, and CIB rules (`#site-name`, `#cluster-name`) travel as they are, for Pacemaker to
evaluate at each site. What comes out must still be a closure of the same ticket. Ticket rules and overrides make something of
members, steps of the whole document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, from_document
from qmfagent.cib.mangling.overrides import OverrideUse, SiteFile, override
from qmfagent.cib.mangling.ticket_rules import settle_rules
from qmfagent.cib.mangling.transform import Stylesheet, Transformer
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import CibError, SiteFileError, TransformError

# The attributes that say what a member depends on, but for ids, which no override sets.
_TYING = frozenset({"ticket", "rsc", "with-rsc", "first", "then", "rsc-pattern", "template"})


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What makes a publication fit for a site: its site file (`name`, for messages) and its XSLT steps, read."""

    name: str = "no site file"
    site: SiteFile = field(default_factory=SiteFile)
    steps: tuple[Stylesheet, ...] = ()


@dataclass(frozen=True, slots=True)
class Mangled:
    """A closure as a site is to have it, what each override did, and what a plan's reader should know of it.

    `tickets` are those whose state at the site it depends on.
    """

    closure: Closure
    uses: tuple[OverrideUse, ...] = ()
    problems: tuple[Problem, ...] = ()
    tickets: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Members:
    """What ticket rules and overrides made of members, by id: those that are another now, and what there is to tell.

    `places` has an entry for each override.
    """

    lines: Mapping[str, bytes]
    places: tuple[Mapping[str, tuple[str, ...]], ...]
    tickets: Mapping[str, frozenset[str]]
    problems: Mapping[str, tuple[Problem, ...]]


def mangle(source: Closure, tickets: Mapping[str, TicketState], rules: SiteRules, transformer: Transformer) -> Mangled:
    """The closure as a site has it that has these rules and, for its tickets, these states.

    Raises SiteFileError, TransformError where a step fails or its result is no closure of the ticket any more, and CibError
    where ticket rules can't be settled.
    """
    return finish(source, mangle_members(source, tickets, rules), rules, transformer)


def mangle_members(source: Closure, tickets: Mapping[str, TicketState], rules: SiteRules) -> Members:
    """What ticket rules and overrides make of the members of a closure. Raises CibError and SiteFileError."""
    settled = settle_rules(source, tickets)
    resolved = source.renewed(settled.lines) if settled.lines else source
    overridden = override(resolved, rules.site.overrides, rules.name)
    return Members({**settled.lines, **overridden.lines}, overridden.places, settled.tickets, settled.problems)


def finish(source: Closure, members: Members, rules: SiteRules, transformer: Transformer) -> Mangled:
    """The closure as the site has it, after what was made of its members. Raises SiteFileError and TransformError."""
    mangled = source.renewed(members.lines) if members.lines else source
    uses = tuple(_use(source, n, rules, members) for n in range(len(members.places)))
    lines = [str(use.line) for use in uses if any(map(_ties, use.places))]
    if lines:
        try:
            mangled = _checked(source, mangled.canonical, "what the override makes of the publication")
        except CibError as error:
            raise SiteFileError(f"{rules.name}, line {', '.join(lines)}: {error.message}", hint=error.hint) from None
    if rules.steps:
        result = transformer(rules.steps, mangled.canonical)
        try:
            mangled = _checked(source, result, f"the result of {rules.steps[-1].name}")
        except CibError as error:
            raise TransformError(error.message, hint=error.hint) from None
    problems = [p for i in source.lines for p in members.problems.get(i, ())] if members.problems else []
    return Mangled(mangled, uses, tuple(problems), frozenset().union(*members.tickets.values()))


def _use(source: Closure, number: int, rules: SiteRules, members: Members) -> OverrideUse:
    """What an override did, its places in the order in which a closure is published."""
    entry, found = rules.site.overrides[number], members.places[number]
    ordered = [i for section in document.SECTIONS for i in sorted(found.keys() & source.sections[section].keys())]
    return OverrideUse(entry.select, entry.value, entry.line, tuple(place for i in ordered for place in found[i]))


def _ties(place: str) -> bool:
    """Whether what is set there can tie a member to others."""
    return place.rpartition("/@")[2] in _TYING and "/@" in place


def _checked(source: Closure, data: bytes, name: str) -> Closure:
    found = from_document(source.ticket, data, name)
    if source.lines and not found.lines:
        raise CibError(f"{name} is empty", hint="a site can change a publication, not withdraw it")
    return replace(found, boundaries=source.boundaries)
