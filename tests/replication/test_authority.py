"""Who may publish: the one holder, or a refusal with a name."""

from __future__ import annotations

import pytest

from qmfagent.cib.ticket import Term, TicketState
from qmfagent.errors import Refused
from qmfagent.replication.authority import Claim, publishing_site

HELD = TicketState("T", granted=True)
NOT_HELD = TicketState("T", granted=False)


def claims(**granted: bool) -> list[Claim]:
    return [Claim(site, value, Term(0, 1)) for site, value in granted.items()]


def test_the_one_holder_publishes() -> None:
    assert publishing_site("T", "b", NOT_HELD, claims(a=True, c=False)) == "a"
    assert publishing_site("T", "b", None, claims(a=True)) == "a"


@pytest.mark.parametrize(
    ("state", "others", "reason", "named"),
    [
        (HELD, {"a": False}, "holder", "b holds ticket 'T' itself"),
        (HELD, {}, "holder", "b holds"),
        (HELD, {"a": True}, "split", "a and b"),
        (NOT_HELD, {"a": True, "c": True}, "split", "a and c"),
        (NOT_HELD, {"a": False}, "no-holder", "no site"),
        (None, {}, "no-holder", "no site"),
    ],
)
def test_everything_else_is_refused_by_name(
    state: TicketState | None, others: dict[str, bool], reason: str, named: str
) -> None:
    with pytest.raises(Refused, match=named) as refused:
        publishing_site("T", "b", state, claims(**others))
    assert refused.value.reason == reason
    assert refused.value.hint
