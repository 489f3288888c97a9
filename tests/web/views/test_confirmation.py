"""What somebody confirms is what the plan says would happen."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.everywhere import SitePlan
from consoles.values import Plan
from consoles.web.views.confirmation import NAMED, confirmation, counts, deeds
from consoles.web.work import ALL, Proposal, Purpose
from tests.consoles.conftest import CLASH, NOTHING, PLAN


def site_plan(site: str, content: Any = PLAN, problem: str = "") -> SitePlan:
    return SitePlan(site, Plan(site, "db", content["token"], content), problem)


def action(what: str, resource: str, source: str = "", target: str = "") -> dict[str, str]:
    return {"action": what, "resource": resource, "source": source, "target": target, "reason": ""}


def preview(*actions: dict[str, str]) -> dict[str, Any]:
    return {"actions": list(actions), "anyway": [action("stop", "other", "n1")], "blocked": [], "reason": ""}


def test_it_names_site_counts_warnings_and_token() -> None:
    warned = {**PLAN, "problems": [{"code": "drift", "severity": "warning", "message": "an edit is overwritten"}]}
    purpose = Purpose("replicate", "db", "siteb")
    asked = confirmation(Proposal(PLAN["token"], purpose, (site_plan("siteb", warned),), {}))
    assert asked.title == "Replicate ticket db to siteb?"
    (there,) = asked.sites
    assert (there.counts, there.warnings, there.token) == (
        "1 element is changed",
        ("an edit is overwritten",),
        PLAN["token"],
    )
    assert asked.afterwards == ("It can be rolled back, from the history.",)


def test_for_all_sites_it_says_who_is_left_out_and_that_it_is_all_or_nothing() -> None:
    plans = (
        site_plan("siteb"),
        site_plan("sitec", NOTHING),
        site_plan("sited", CLASH, "in the way"),
        site_plan("sitee"),
    )
    asked = confirmation(Proposal("t", Purpose("replicate", "db", ALL), plans, {}))
    assert asked.title == "Replicate ticket db to siteb and sitee?"
    assert [each.site for each in asked.sites] == ["siteb", "sitee"]
    assert asked.left_out == (("sited", "in the way"),)
    assert "the others are rolled back" in asked.afterwards[0]


@pytest.mark.parametrize(
    ("purpose", "title", "afterwards"),
    [
        (Purpose("rollback", "db", "siteb", change=7), "Roll back change 7 of ticket db at siteb?", "pinned at siteb"),
        (Purpose("heal", "db", "siteb"), "Heal the drift of ticket db at siteb?", "rolled back"),
        (Purpose("replicate", "db", "siteb", adopt=True), "Replicate ticket db to siteb?", "belong to replication"),
    ],
)
def test_what_comes_of_it_afterwards(purpose: Purpose, title: str, afterwards: str) -> None:
    asked = confirmation(Proposal("t", purpose, (site_plan("siteb"),), {}))
    assert asked.title == title
    assert afterwards in asked.afterwards[0]


def test_elements_are_counted_by_what_becomes_of_them() -> None:
    made = [{"operation": name} for name in ("create", "create", "delete", "move")]
    assert counts(made) == "2 elements are added, 1 element is deleted, 1 element is moved"
    assert counts([]) == "only the record of what is owned changes"


def test_what_stops_comes_first_and_what_would_happen_anyway_is_left_out() -> None:
    told = deeds(
        preview(
            action("start", "web", "", "n1"),
            action("stop", "db", "n2"),
            action("restart", "vip", "n1", "n1"),
            action("stop", "log", "n1"),
            action("move", "fs", "n1", "n2"),
            action("Fence (reboot)", "", "", "n3"),
            action("frobnicate", "x", "n1"),
        )
    )
    assert told == (
        "Stops: db on n2, log on n1.",
        "Restarts: vip on n1.",
        "Moves: fs from n1 to n2.",
        "Starts: web on n1.",
        "Is fenced: n3.",
        "frobnicate: x on n1.",
    )


def test_what_is_not_known_is_said() -> None:
    assert deeds(None) == ("What starts, stops or moves is not known: there is no preview.",)
    assert deeds({**preview(), "reason": "it took too long"})[0].endswith("not known: it took too long.")
    assert deeds(preview()) == ("Nothing starts, stops or moves.",)


def test_of_many_resources_some_are_named() -> None:
    (told,) = deeds(preview(*(action("stop", f"r{number}", "n1") for number in range(NAMED + 3))))
    assert told.endswith(f"r{NAMED - 1} on n1 and 3 more.")
