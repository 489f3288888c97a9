"""Ticket rules on their way back: a site that had published them keeps them when the ticket has moved.

Rules of this file: what a site has settled for itself comes back without the rules, once it holds the ticket and publishes.
Where that is what another site made of the rules that the member has here, they stay, and all else is taken as it comes.
Where it is anything else, it is taken as it comes altogether.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import product

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.ticket_rules import SETS, borrows, names_tickets, settle_rules, tickets_asked_for
from qmfagent.cib.ticket import TicketState

# Other tickets in the rules of one member: their states at the other site are found by trying.
_MAX_TICKETS = 4
_STATES = (TicketState(""), TicketState("", granted=True), TicketState("", granted=True, standby=True))


def restore_ticket_rules(element: etree._Element, current: etree._Element, ticket: str) -> etree._Element:
    """`element`, a member as published elsewhere for `ticket`, with the ticket rules that `current`, the same member here, has.

    Returns `element` itself where there are none to restore. Neither is edited.
    """
    line = document.canonical(current)
    if not names_tickets(line) or borrows(line) or element.tag != current.tag:
        return element
    arrived = _rules(element)
    ruled = [e for e in current.iter(*SETS) if names_tickets(_rule(e))]
    if not ruled or any(names_tickets(rule) for rule in arrived.values()):
        return element
    for settled in _settled(line, str(current.get("id")), ticket, tickets_asked_for(current) - {ticket}):
        made = _rules(settled)
        if all(made.get(e.get("id", "")) == arrived.get(e.get("id", "")) for e in ruled):
            return _with_rules(element, ruled)
    return element


def _settled(line: bytes, identifier: str, ticket: str, others: frozenset[str]) -> Iterator[etree._Element]:
    """What another site can have made of a member: its ticket was not held there, and other tickets were in any state."""
    source = Closure(ticket, {"resources": {identifier: line}, "constraints": {}, "tags": {}})
    names = sorted(others)
    for states in product(_STATES, repeat=len(names)) if len(names) <= _MAX_TICKETS else ():
        settled = settle_rules(source, dict(zip(names, states, strict=True)))
        yield document.parse_element(settled.lines.get(identifier, line))


def _with_rules(element: etree._Element, ruled: list[etree._Element]) -> etree._Element:
    restored = deepcopy(element)
    for attributes in ruled:
        rule = attributes.find("rule")
        there = _named(restored, attributes)
        if there is None:
            _put_beside(restored, attributes)
        elif rule is not None:
            for settled in there.findall("rule"):
                there.remove(settled)
            there.insert(attributes.index(rule), deepcopy(rule))
    return restored


def _put_beside(restored: etree._Element, attributes: etree._Element) -> None:
    """Put a set that was left out where it stood: behind the nearest sibling before it that is there."""
    parent = attributes.getparent()
    home = None if parent is None else _named(restored, parent)
    if home is None:
        return
    places = {(child.tag, child.get("id")): place for place, child in enumerate(home) if isinstance(child.tag, str)}
    before = [(e.tag, e.get("id")) for e in attributes.itersiblings("*", preceding=True)]
    home.insert(next((places[each] + 1 for each in before if each in places), 0), deepcopy(attributes))


def _named(root: etree._Element, element: etree._Element) -> etree._Element | None:
    """The element of the same tag and id at or below `root`."""
    return next((e for e in root.iter(str(element.tag)) if e.get("id") == element.get("id")), None)


def _rules(member: etree._Element) -> dict[str, bytes]:
    """The rule of each set in a member, by the set's id; empty for a set without one."""
    return {e.get("id", ""): _rule(e) for e in member.iter(*SETS)}


def _rule(attributes: etree._Element) -> bytes:
    rule = attributes.find("rule")
    return b"" if rule is None else document.canonical(rule)
