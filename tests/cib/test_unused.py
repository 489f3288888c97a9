"""Which overrides a plan warns of: those that touch nothing, of whichever ticket."""

from __future__ import annotations

import pytest

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.overrides import Override
from qmfagent.cib.plans.planning import make_plan
from tests.cib.helpers import cib, dummy, overridden, pairs, replicate, ticket

SOURCE = cib(
    dummy("web", pairs("web-ia", ip="10.1.0.10")) + dummy("db", pairs("db-ia", port="5432")),
    ticket("t-web", "web") + ticket("t-db", "db", "U"),
)
TARGET = cib(dummy("local", pairs("local-ia", color="blue")))


def remarked(select: str, *, delivered: bool = True) -> bool:
    """Whether a plan for T warns of an override with that select, where U was delivered."""
    target = replicate(SOURCE, TARGET, "U") if delivered else TARGET
    mangled, uses = overridden(closure(SOURCE, "T"), Override(select, "x", 2))
    plan = make_plan(target, mangled, overrides=uses)
    return [problem.code for problem in plan.problems] == ["override-unused"]


@pytest.mark.parametrize(
    "select", ["nvpair[@name='ip']", "primitive[@id='db']//nvpair[@name='port']", "rsc_ticket[@id='t-db']/@rsc"]
)
def test_what_touches_something_of_any_ticket_is_not_remarked(select: str) -> None:
    assert not remarked(select)


@pytest.mark.parametrize(
    "select",
    [
        "nvpair[@name='prot']",
        "nvpair[@name='color']",  # the site's own, which replication leaves alone
        "primitive[1][@id='db']//nvpair",  # depends on what else there is
        "tag[@id='qmfagent-owned-U']/obj_ref/@tag",
    ],
)
def test_what_touches_nothing_is(select: str) -> None:
    assert remarked(select)


def test_a_ticket_that_was_not_delivered_yet_is_not_known() -> None:
    assert remarked("primitive[@id='db']//nvpair[@name='port']", delivered=False)
