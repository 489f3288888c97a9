"""Ticket rules: attribute sets that select on the state of a ticket, settled for one site before anything is applied there.

Rules of this file: Pacemaker has no rule on tickets. One is written as an expression on a node attribute that no node has,
which its schema takes and which it evaluates without harm, `eq` as false and `ne` as true:

    <expression id="e" attribute="#ticket-NAME" operation="ne" value="revoked"/>

`value` is granted, standby (granted, but in standby) or revoked. The receiving site evaluates what it can: a set whose rule is
certainly false is left out, a rule that is certainly true goes, and of any other rule what is certain goes; all else is
Pacemaker's. Ids stay, and a definition that others borrow from what is left out moves to the first of them.
Source: Pacemaker Explained, "Rules" and "Reusing Rules and Options"; lib/pengine/rules.c of Pacemaker 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import CibError

GRANTED, STANDBY, REVOKED = "granted", "standby", "revoked"

_PREFIX = "#ticket-"
_MARK = _PREFIX.encode()
SETS = ("instance_attributes", "meta_attributes", "utilization")
_VALUES = frozenset({GRANTED, STANDBY, REVOKED})
# Rules that borrow rules in turn: how deep, and how many elements are looked at for that.
_MAX_NESTING = 16
_MAX_BORROWED = 200_000

_Ask = Callable[[etree._Element], bool | None]
# What an expression on a ticket comes to; None where that is not certain.
_Shape = bool | tuple[object, ...] | etree._Element
# What a rule comes to: certain, or what is left of it.


@dataclass(frozen=True, slots=True)
class Settled:
    """Members whose ticket rules were settled, by id: their new lines, the tickets that they name, and what is to be known."""

    lines: Mapping[str, bytes] = field(default_factory=dict)
    tickets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)


def state_of(state: TicketState | None) -> str:
    """The state of a ticket as a rule names it; one that a site does not know is revoked there, as it is for Pacemaker."""
    if state is None or not state.granted:
        return REVOKED
    return STANDBY if state.standby else GRANTED


def names_tickets(line: bytes) -> bool:
    """Whether a member may have ticket rules."""
    return _MARK in line


def borrows(line: bytes) -> bool:
    """Whether a member may borrow a definition by id-ref."""
    return b" id-ref=" in line


def tickets_asked_for(element: etree._Element) -> frozenset[str]:
    """The tickets that ticket rules at or below an element name."""
    return frozenset(map(_ticket, _expressions(element)))


def settle_rules(source: Closure, tickets: Mapping[str, TicketState]) -> Settled:
    """The ticket rules of the closure's members, settled for a site where `tickets` have these states.

    Where no member borrows, those of each member are settled by themselves, so that a part of a closure will do. Raises
    CibError where rules borrow each other in a circle.
    """
    # Most often there are none, and one search through all of it costs less than one through each line.
    if not names_tickets(b"".join(source.lines.values())):
        return Settled()
    named = [i for i, line in source.lines.items() if names_tickets(line)]
    concerned = {i for i, line in source.lines.items() if borrows(line)}.union(named)
    members = {i: document.parse_element(source.lines[i]) for i in source.lines if i in concerned}
    return _Settling(source.ticket, tickets, members).settled(named, source.lines)


class _Settling:
    """Settles the rules in `members`, which are edited."""

    def __init__(self, ticket: str, tickets: Mapping[str, TicketState], members: Mapping[str, etree._Element]) -> None:
        self._ticket = ticket
        self._tickets = tickets
        self._members = members
        self._ids = {str(e.get("id")): e for member in members.values() for e in document.named(member)}
        # By id: what is moved is still judged by where it was written.
        self._faults = {
            _id(e): fault for member in members.values() for e in _expressions(member) if (fault := _fault(e))
        }
        self._borrowed = 0
        self._removed: list[etree._Element] = []

    def settled(self, named: Iterable[str], lines: Mapping[str, bytes]) -> Settled:
        """What comes of it; `named` are the members with ticket rules, `lines` those of all as they were."""
        tickets = {i: tickets_asked_for(self._members[i]) for i in named}
        problems = {i: found for i in self._members if (found := tuple(self._problems(i)))}
        verdicts = [
            (attributes, self._verdict(attributes))
            for member in self._members.values()
            for attributes in member.iter(*SETS)
        ]
        for attributes, shape in verdicts:
            rule = attributes.find("rule")
            if shape is False:
                self._remove(attributes)
            elif shape is True and rule is not None:
                self._remove(rule)
            elif rule is not None:
                self._reduce(rule)
        self._rehome()
        renewed = {i: document.canonical(member) for i, member in self._members.items()}
        return Settled(
            {i: line for i, line in renewed.items() if line != lines[i]},
            tickets,
            problems,
        )

    # -- evaluation

    def _here(self, expression: etree._Element) -> bool | None:
        return self._evaluated(expression, state_of(self._tickets.get(_ticket(expression))))

    def _at_holder(self, expression: etree._Element) -> bool | None:
        """As it is meant where the closure's ticket is held."""
        return self._evaluated(expression, GRANTED) if _ticket(expression) == self._ticket else None

    def _by_pacemaker(self, expression: etree._Element) -> bool | None:
        return None if _id(expression) in self._faults else expression.get("operation") == "ne"

    def _evaluated(self, expression: etree._Element, state: str) -> bool | None:
        if _id(expression) in self._faults:
            return None
        return (expression.get("value") == state) is (expression.get("operation") == "eq")

    def _verdict(self, attributes: etree._Element) -> _Shape:
        """What the rule of a set comes to here. A set without one is used always, as is one that Pacemaker would refuse."""
        definition = self._defined(attributes)
        rules = [] if definition is None else definition.findall("rule")
        return self._shape(rules[0], self._here) if len(rules) == 1 else ()

    def _shape(self, element: etree._Element, ask: _Ask, depth: int = 0) -> _Shape:
        if element.tag == "expression" and _is_ours(element):
            known = ask(element)
            return element if known is None else known
        definition = self._defined(element) if element.tag == "rule" else None
        if definition is None or not len(definition):
            return element
        decisive = definition.get("boolean-op") == "or"
        depth += definition is not element
        if depth > _MAX_NESTING or self._borrowed > _MAX_BORROWED:
            raise CibError(f"the rule {definition.get('id')!r} borrows others in a circle or without end")
        parts = [self._shape(part, ask, depth) for part in definition.iterchildren("*")]
        if decisive in parts:
            return decisive
        left = tuple(part for part in parts if part is not (not decisive))
        return (definition.get("boolean-op", "and"), *left) if left else not decisive

    def _defined(self, element: etree._Element) -> etree._Element | None:
        reference = element.get("id-ref")
        definition = element if reference is None else self._ids.get(reference)
        if definition is not None and definition is not element:
            self._borrowed += sum(1 for _ in definition.iter())
        return definition

    # -- what becomes of the members

    def _reduce(self, rule: etree._Element) -> None:
        """Take out of a rule that is not certain what is: it makes no difference to the rest."""
        for part in list(rule.iterchildren("expression", "rule")):
            if isinstance(self._shape(part, self._here), bool):
                self._remove(part)
            elif part.tag == "rule":
                self._reduce(part)

    def _remove(self, element: etree._Element) -> None:
        parent = element.getparent()
        if parent is not None:
            parent.remove(element)
            self._removed.append(element)

    def _rehome(self) -> None:
        """Move definitions that were removed with what they stood in to the first place that borrows them still."""
        lost = {str(e.get("id")): e for removed in self._removed for e in document.named(removed)}
        users = [user for member in self._members.values() for user in member.iterfind(".//*[@id-ref]")] if lost else []
        while users:
            user = users.pop(0)
            definition = lost.pop(str(user.get("id-ref")), None)
            parent = user.getparent()
            if definition is None or parent is None:
                continue
            moved = deepcopy(definition)
            if user.get("name"):
                for other in users:
                    if other.get("id-ref") == moved.get("id") and not other.get("name"):
                        other.set("name", moved.get("name", ""))
                moved.set("name", user.get("name", ""))
            parent.replace(user, moved)
            # One that is certain is borrowed where it can't be settled; that is an error, and it stays whole.
            if moved.tag == "rule" and not isinstance(self._shape(moved, self._here), bool):
                self._reduce(moved)
            for part in document.named(moved):
                lost.pop(str(part.get("id")), None)
            users += moved.iterfind(".//*[@id-ref]")

    # -- what its reader should know

    def _problems(self, identifier: str) -> Iterator[Problem]:
        member = self._members[identifier]
        for user in member.iterfind(".//rule[@id-ref]"):
            definition = self._defined(user)
            if definition is not None and _set_of(user) is None and any(map(_is_ours, definition.iter("expression"))):
                yield Problem("ticket-rule", "error", f"the rule in {identifier} {_OUTSIDE}")
        expressions = list(_expressions(member))
        for expression in expressions:
            if fault := self._faults.get(_id(expression)):
                attributes = _set_of(expression)
                where = f"the rule in {identifier}" if attributes is None else _rule_of(attributes, identifier)
                yield Problem("ticket-rule", "error", f"{where} {fault}")
        for attributes in member.iter(*SETS):
            if (rule := attributes.find("rule")) is None:
                continue
            if self._shape(rule, self._at_holder) != self._shape(rule, self._by_pacemaker):
                yield Problem("ticket-rule", "warning", self._wrong_at_holder(attributes, identifier))
        for name in sorted({_ticket(e) for e in expressions} - self._tickets.keys() - {self._ticket}):
            message = (
                f"a rule in {identifier} asks for ticket {name!r}, which this site does not know: it counts as revoked"
            )
            yield Problem("ticket-rule", "warning", message)

    def _wrong_at_holder(self, attributes: etree._Element, identifier: str) -> str:
        return (
            f"{_rule_of(attributes, identifier)} does not do at the holder what it says, for Pacemaker knows no tickets and"
            f" takes 'eq' for false and 'ne' for true: ask whether {self._ticket!r} is 'eq' or 'ne' revoked, and for other"
            f" tickets only together with its 'eq revoked'"
        )


_OUTSIDE = "asks for a ticket's state outside an attribute set, where that is settled at no site"


def _fault(expression: etree._Element) -> str:
    """Why an expression on a ticket can't be settled; empty where it can."""
    if expression.get("operation") not in ("eq", "ne") or expression.get("value") not in _VALUES:
        return "asks for more than whether a ticket is 'eq' or 'ne' granted, standby or revoked"
    if expression.get("type", "string") != "string" or expression.get("value-source", "literal") != "literal":
        return "compares a ticket's state with something else than a literal string"
    return _OUTSIDE if _set_of(expression) is None else ""


def _is_ours(expression: etree._Element) -> bool:
    return expression.get("attribute", "").startswith(_PREFIX)


def _expressions(element: etree._Element) -> Iterator[etree._Element]:
    return (e for e in element.iter("expression") if _is_ours(e))


def _ticket(expression: etree._Element) -> str:
    return expression.get("attribute", "").removeprefix(_PREFIX)


def _id(expression: etree._Element) -> str:
    return expression.get("id", "")


def _set_of(element: etree._Element) -> etree._Element | None:
    return next(element.iterancestors(*SETS), None)


def _rule_of(attributes: etree._Element, member: str) -> str:
    return f"the rule of {attributes.tag!s} {attributes.get('id')!r} in {member}"
