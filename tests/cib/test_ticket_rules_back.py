"""Ticket rules that come back: a site that had published them has them after its ticket has moved to another and back."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.ticket_rules import settle_rules
from qmfagent.cib.mangling.ticket_rules_back import restore_ticket_rules
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.ticket import TicketState
from tests.cib.helpers import apply, cib, dummy, pairs, ticket
from tests.cib.ticket_rules import attributes, expression, random_rule, rule

MAIN = attributes("main", rule("r1", expression("e1", "ne", "revoked", "T")))
BACKUP = attributes("backup", rule("r2", expression("e2", "eq", "revoked", "T")))
OTHER = attributes("other", rule("r3", expression("e3", "eq", "granted", "U")))
PLAIN = pairs("plain", x="1")


def back(before: str, change=lambda line: line, **states: TicketState) -> bytes:
    """A member at its first site, after another one has settled its rules and changed it, and has published it."""
    current = document.parse_element(dummy("a", before).encode())
    line = document.canonical(current)
    source = Closure("T", {"resources": {"a": line}, "constraints": {}, "tags": {}})
    there = change(settle_rules(source, states).lines.get("a", line))
    return document.canonical(restore_ticket_rules(document.parse_element(there), current, "T"))


def form(inner: str) -> bytes:
    """A member's canonical line."""
    return document.canonical(document.parse_element(dummy("a", inner).encode()))


@pytest.mark.parametrize(
    "before", [MAIN, BACKUP, PLAIN + MAIN + BACKUP, MAIN + PLAIN + OTHER, OTHER + BACKUP + PLAIN + MAIN]
)
@pytest.mark.parametrize("state", [TicketState("U"), TicketState("U", granted=True)])
def test_what_comes_back_as_it_was_made_is_as_it_was(before: str, state: TicketState) -> None:
    assert back(before, U=state) == form(before)


@given(st.randoms(use_true_random=False), st.booleans())
def test_so_it_is_with_any_rules(rng: Random, granted: bool) -> None:
    before = attributes("s0", random_rule(rng, "r0")) + PLAIN + attributes("s1", random_rule(rng, "r1"))
    assert back(before, U=TicketState("U", granted=granted)) == form(before)


def test_other_changes_come_along() -> None:
    changed = back(PLAIN + MAIN + BACKUP, lambda line: line.replace(b'value="1"', b'value="2"'))
    assert changed == form(PLAIN.replace('value="1"', 'value="2"') + MAIN + BACKUP)


def test_a_new_value_in_a_set_comes_along() -> None:
    changed = back(BACKUP, lambda line: line.replace(b'value="backup"', b'value="new"'))
    assert changed == form(BACKUP.replace('value="backup"', 'value="new"'))


def test_a_set_that_the_other_site_has_deleted_goes() -> None:
    assert back(BACKUP, lambda line: form("")) == form("")


def test_a_rule_that_the_other_site_has_written_is_taken() -> None:
    written = attributes("backup", rule("r2", '<expression id="x" attribute="#uname" operation="eq" value="n"/>'))
    assert back(BACKUP + MAIN, lambda line: form(written)) == form(written)


def test_in_the_parts_of_a_collection() -> None:
    group = f"<group id='g'>{dummy('a', MAIN)}{dummy('b', BACKUP)}</group>"
    current = document.parse_element(group.encode())
    line = document.canonical(current)
    there = settle_rules(Closure("T", {"resources": {"g": line}, "constraints": {}, "tags": {}}), {}).lines["g"]
    assert document.canonical(restore_ticket_rules(document.parse_element(there), current, "T")) == line


def test_after_the_ticket_has_moved_there_and_back_nothing_is_to_be_done() -> None:
    first = cib(dummy("a", PLAIN + MAIN + BACKUP), ticket("c", "a"))
    owned = apply(first, make_plan(first, closure(first, "T"), adopt=True))
    published = closure(first, "T")
    settled = published.renewed(settle_rules(published, {}).lines)
    second = apply(cib(), make_plan(cib(), settled))
    assert b"#ticket-" not in b"".join(second.lines.values())
    returned = make_plan(owned, closure(second, "T"))
    assert returned.changes == ()
    assert returned.errors == ()
