"""Which step gave each value of an element: from what its holder publishes to what stands in this site's CIB.

Rules of this file: pure. The steps are run one by one, in the order in which a plan runs them, and the element is looked at
after each: what has another value then got it from that step. The last step that is named for a field gave the value that it
has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.mangle import SiteRules
from qmfagent.cib.mangling.overrides import override, shown
from qmfagent.cib.mangling.ticket_rules import settle_rules, state_of
from qmfagent.cib.mangling.transform import Transformer
from qmfagent.cib.ticket import TicketState

PUBLISHED, TICKET_RULE, OVERRIDE, XSLT = "published", "ticket-rule", "override", "xslt"
PENDING, EDITED, DELIVERED, LOCAL = "pending", "edited", "delivered", "local"


@dataclass(frozen=True, slots=True)
class Stage:
    """An element after one step, None where there is none of that id; `detail` says in words which step it was."""

    step: str
    detail: str
    element: etree._Element | None


@dataclass(frozen=True, slots=True)
class Explained:
    """One value that a step gave: `value` of `attribute` of the element at `path`, which is a path of Pacemaker's.

    `field` is the attribute as seen from the element that was asked for: its name, or a path and `/@name` for a part of it.
    With an empty `field` the step put the element there, and `value` has its tag; or took it away, and `value` is empty. An
    empty value with a field is an empty attribute, or one that was taken away.
    """

    field: str
    value: str
    step: str
    detail: str
    path: str
    attribute: str


def find_in(lines: Mapping[str, bytes], identifier: str) -> etree._Element | None:
    """The element of that id in members (canonical lines by id); None where it is in none of them."""
    needle = f" id={quoteattr(identifier)}".encode()
    for line in lines.values():
        if needle in line and (found := _find(document.parse_element(line), identifier)) is not None:
            return found
    return None


def site_stages(
    identifier: str,
    source: Closure,
    tickets: Mapping[str, TicketState],
    rules: SiteRules,
    transformer: Transformer,
) -> Iterator[Stage]:
    """The element of that id after each of a site's own steps, its tickets in these states, for a published closure.

    Raises CibError, SiteFileError and TransformError, as a plan does.
    """
    settled = settle_rules(source, tickets)
    resolved = source.renewed(settled.lines)
    states = ", ".join(
        f"ticket {name} is {state_of(tickets.get(name))} here"
        for name in sorted(frozenset().union(*settled.tickets.values()))
    )
    yield Stage(TICKET_RULE, states, find_in(resolved.lines, identifier))
    entries = rules.site.overrides
    whole = override(resolved, entries, rules.name)
    home = next((i for i, line in resolved.lines.items() if find_in({i: line}, identifier) is not None), "")
    for number, entry in enumerate(entries):
        if home in whole.places[number]:
            lines = override(resolved, entries[: number + 1], rules.name).lines
            detail = f"line {entry.line} of {rules.name}: {shown(entry.select)}"
            yield Stage(OVERRIDE, detail, find_in({home: lines[home]}, identifier))
    data = resolved.renewed(whole.lines).canonical if rules.steps else b""
    for step in rules.steps:
        data = transformer([step], data)
        yield Stage(XSLT, step.name, _find(document.parse(data, f"the result of {step.name}"), identifier))


def explain(stages: Iterable[Stage]) -> list[Explained]:
    """What each stage changed of the element: field by field, and for each field in the order of the stages."""
    found: dict[str, list[Explained]] = {}
    known: dict[str, tuple[str, str, str]] = {}
    there = False
    for stage in stages:
        element = stage.element
        now = {} if element is None else _fields(element)
        if (element is not None) is not there:
            there = element is not None
            value, path = ("", "") if element is None else (str(element.tag), _path(element))
            found.setdefault("", []).append(Explained("", value, stage.step, stage.detail, path, ""))
        for field in [*now, *(known.keys() - now.keys() if there else ())]:
            value, path, attribute = now.get(field, ("", *known.get(field, ("", "", ""))[1:]))
            if field not in known or field not in now or known[field][0] != value:
                detail = stage.detail if field in now else f"{stage.detail} (taken away)"
                found.setdefault(field, []).append(Explained(field, value, stage.step, detail, path, attribute))
        known = now
    return [step for steps in found.values() for step in steps]


def _fields(element: etree._Element) -> dict[str, tuple[str, str, str]]:
    """Every attribute at and below an element by the field it is, with its value, its element's path and its name."""
    start, found = _path(element), {}
    for each in element.iter("*"):
        path = _path(each)
        inner = path[len(start) + 1 :]
        for name, value in each.attrib.items():
            if name != "id" or each.tag in document.REFERENCE_TAGS:
                found[f"{inner}/@{name}" if inner else str(name)] = (str(value), path, str(name))
    return found


def _path(element: etree._Element) -> str:
    """The path of an element in a configuration, be it in one or in a member that stands alone."""
    chain = [element, *element.iterancestors()]
    if chain[-1].tag in ("cib", "configuration"):
        return document.element_path(element)
    return "/".join([document.member_path(chain[-1]), *map(document.path_step, reversed(chain[:-1]))])


def _find(root: etree._Element, identifier: str) -> etree._Element | None:
    return next((e for e in document.named(root) if e.get("id") == identifier), None)
