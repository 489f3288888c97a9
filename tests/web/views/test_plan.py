"""The page of a plan: whether it can be applied, and what to do where it can't."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from consoles.everywhere import SitePlan
from consoles.values import Plan
from consoles.web.views.plan import NEXT_STEPS, READY, REFUSED, plan_rows, plan_view
from consoles.web.views.plan import NOTHING as NOTHING_TO_DO
from tests.consoles.conftest import CLASH, NOTHING, PLAN

SCHEMA = Path(__file__).parents[3] / "schemas" / "plan.schema.json"
# What is said for the reader's information alone.
NOTES = {"drift-kept", "not-verified", "paused", "pinned"}


def plan(content: Any, *problems: tuple[str, str]) -> Plan:
    told = [{"code": code, "severity": severity, "message": code} for code, severity in problems]
    return Plan("siteb", "db", content["token"], {**content, "problems": [*content["problems"], *told]})


@pytest.mark.parametrize(("content", "state"), [(PLAN, READY), (NOTHING, NOTHING_TO_DO), (CLASH, REFUSED)])
def test_whether_it_can_be_applied(content: Any, state: str) -> None:
    assert plan_view(plan(content)).state == state


def test_each_kind_of_problem_has_its_next_step_once() -> None:
    view = plan_view(
        plan(CLASH, ("clash", "error"), ("drifted", "error"), ("pinned", "note"), ("of-another-version", "error"))
    )
    assert view.steps == (NEXT_STEPS["clash"], NEXT_STEPS["drifted"])
    assert (view.adopt, view.heal) == (True, True)


def test_every_problem_that_there_is_has_a_next_step() -> None:
    schema = json.loads(SCHEMA.read_text())
    codes = set(schema["properties"]["problems"]["items"]["properties"]["code"]["enum"])
    assert codes - NOTES == NEXT_STEPS.keys()


def test_what_another_site_sends_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    html = str(plan_view(plan(PLAN, (evil, "warning"))).html)
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_all_sites_have_a_row() -> None:
    rows = plan_rows(
        (
            SitePlan("siteb", plan(PLAN, ("holder", "warning"))),
            SitePlan("sitec", plan(NOTHING)),
            SitePlan("sited", plan(CLASH), "in the way"),
            SitePlan("sitee", None, "can't be reached"),
        )
    )
    assert [(row.site, row.good, row.what, row.warnings, row.view is not None) for row in rows] == [
        ("siteb", True, "1 change: 1 modified", 1, True),
        ("sitec", True, "nothing to do", 0, True),
        ("sited", False, "in the way", 0, True),
        ("sitee", False, "can't be reached", 0, False),
    ]
