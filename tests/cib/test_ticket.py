"""The state of tickets."""

from __future__ import annotations

import pytest

from qmfagent.cib.ticket import Term, TicketState, ticket_states
from tests.cib.helpers import cib


def test_what_pacemaker_and_booth_write() -> None:
    status = (
        '<tickets><ticket_state id="A" granted="true" last-granted="17" standby="false"/>'
        '<ticket_state id="B" granted="TRUE" owner="1234" expires="99" term="5" last-granted="18"/>'
        '<ticket_state id="C" standby="yes"/><ticket_state granted="true"/></tickets>'
    )
    assert cib(status=status).tickets == {
        "A": TicketState("A", granted=True, last_granted=17),
        "B": TicketState("B", granted=True, last_granted=18, owner="1234", booth_term=5),
        "C": TicketState("C", standby=True),
    }
    assert ticket_states(None) == {}


def test_a_term_of_booth_counts_before_the_time_of_the_grant() -> None:
    assert TicketState("A", booth_term=2, last_granted=1).term > TicketState("A", booth_term=1, last_granted=9).term
    assert Term(0, 5) > Term(0, 4)


@pytest.mark.parametrize("text", ["", "1", "a.b", "1.-2", "1.\u0663", "9" * 5000 + ".1", "1.2.3"])
def test_what_is_no_term_is_the_oldest(text: str) -> None:
    assert Term.parse(text) == Term(0, 0)
    assert Term.parse("3.17") == Term(3, 17)


def test_odd_numbers_are_zero() -> None:
    status = f'<tickets><ticket_state id="A" last-granted="soon" term="{"9" * 5000}"/></tickets>'
    assert cib(status=status).tickets["A"].term == Term(0, 0)


def test_that_booth_has_renewed_a_ticket_makes_no_other_state() -> None:
    one, other = (
        cib(status=f'<tickets><ticket_state id="A" owner="7" expires="{when}"/></tickets>').tickets["A"]
        for when in (5, 9)
    )
    assert one == other
    assert (one.expires, other.expires) == (5, 9)
    assert TicketState("A", booth_term=1) != TicketState("A", booth_term=2)
