"""A plan as plain values is what schemas/plan.schema.json describes, whatever it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from lxml import etree

import qmfagent
from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.overrides import Override
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.plan import Plan, Published
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.upgrade import Upgrade
from qmfagent.cib.simulation.blocked import Blocked, Hindrance
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import Preview
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket
from tests.cib.helpers import cib, dummy, overridden, pairs, replicate, ticket
from tests.cib.strategies import cibs

SCHEMAS = Path(__file__).parents[2] / "schemas"
STOPPED = Blocked("x", "Started", (Hindrance("disabled", "its target-role is Stopped"),))
ROOT = Path(qmfagent.__file__).parent
PAGE = ROOT.parent / "docs" / "reference" / "plan.md"
# What stands against a drill, and never against a plan.
OF_DRILLS = {"behind", "not-replicated"}
SCHEMA = Draft202012Validator(json.loads((SCHEMAS / "plan.schema.json").read_text(encoding="utf-8")))


def rich_plan() -> Plan:
    """A plan with every operation, overrides, a boundary, an adoption and a warning."""
    before = cib(
        f'<group id="g">{dummy("a", pairs("i", n="1", m="1"))}{dummy("b")}</group>' + dummy("gone"),
        ticket("c", "g") + ticket("d", "gone"),
    )
    after = cib(
        f'<group id="g">{dummy("b")}{dummy("a", pairs("i", n="2"))}</group>{dummy("h")}{dummy("x")}',
        ticket("c", "g") + ticket("e", "h") + '<rsc_order id="o" first="g" then="x"/>',
    )
    here = replicate(before, cib()).to_element()
    for element, section in ((dummy("h"), "resources"), (ticket("e", "h"), "constraints")):
        here.find(f"configuration/{section}").append(etree.fromstring(element))
    here.find("status").append(etree.fromstring('<tickets><ticket_state id="T" granted="true"/></tickets>'))
    entries = [Override("nvpair[@id='i-n']", "3", 2), Override("nvpair[@id='zz']", "4", 5)]
    mangled, uses = overridden(closure(after, "T"), *entries)
    plan = make_plan(Snapshot.of(here), mangled, overrides=uses)
    return replace(
        plan,
        override_changes=closure_changes(closure(after, "T"), mangled),
        upgrade=Upgrade("pacemaker-3.5", "pacemaker-3.9", {"validate-with": "pacemaker-3.5"}),
        published=Published("a", "0.1", "0.7.0", "0" * 64),
        preview=Preview(
            (Action("start", "h", "", "n1", "because"),),
            (Action("fence", "", "n2"),),
            (STOPPED,),
        ),
    )


def test_a_plan_with_everything_in_it() -> None:
    plan = rich_plan().to_map()
    SCHEMA.validate(plan)
    assert {c["operation"] for c in plan["changes"]} == {"create", "modify", "delete", "move"}
    assert {p["code"] for p in plan["problems"]} == {"override-unused", "holder"}
    assert (plan["adopted"], [b["id"] for b in plan["boundaries"]]) == (["e", "h"], ["o"])
    assert [len(o["places"]) for o in plan["overrides"]] == [1, 0]
    assert [c["id"] for c in plan["override_changes"]] == ["i-n"]
    assert plan["upgrade"] == {"from": "pacemaker-3.5", "to": "pacemaker-3.9"}
    assert plan["token"]


def test_a_plan_survives_json() -> None:
    plan = rich_plan().to_map()
    assert json.loads(json.dumps(plan)) == plan


def test_a_plan_with_nothing_in_it() -> None:
    here = replicate(cib(dummy("a"), ticket("c", "a")), cib())
    plan = make_plan(here, closure(cib(dummy("a"), ticket("c", "a")), "T")).to_map()
    SCHEMA.validate(plan)
    assert (plan["changes"], plan["token"]) == ([], "")


def test_a_plan_that_is_forbidden() -> None:
    plan = make_plan(cib(dummy("a")), closure(cib(dummy("a"), ticket("c", "a")), "T")).to_map()
    SCHEMA.validate(plan)
    assert [p["severity"] for p in plan["problems"]] == ["error"]


def test_an_upgrade_is_part_of_the_token_and_what_changes_with_the_status_is_not() -> None:
    plan = make_plan(cib(), closure(cib(dummy("a"), ticket("c", "a")), "T"))

    def token(new: str, **head: str) -> str:
        return replace(plan, upgrade=Upgrade("pacemaker-3.5", new, head)).token

    assert len({plan.token, token("pacemaker-3.8"), token("pacemaker-3.9")}) == 3
    assert token("pacemaker-3.9", have_quorum="0") == token("pacemaker-3.9", have_quorum="1")


def test_an_upgrade_is_written_with_the_changes() -> None:
    target = cib()
    plan = make_plan(target, closure(cib(dummy("a"), ticket("c", "a")), "T"))
    plan = replace(plan, upgrade=Upgrade("pacemaker-3.9", "pacemaker-3.10", target.head))
    after = target.advance(document.parse_element(plan.patchset))
    assert after.validate_with == "pacemaker-3.10"
    assert after.head == {**target.head, "validate-with": "pacemaker-3.10", **after.version.attributes()}
    assert "a" in after.members


def test_the_schema_and_the_page_name_the_codes_of_all_problems() -> None:
    texts = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")]
    given = {code for text in texts for code in re.findall(r'\bProblem\(\s*"([a-z-]+)"', text)} - OF_DRILLS
    assert given == set(SCHEMA.schema["properties"]["problems"]["items"]["properties"]["code"]["enum"])
    assert given == set(re.findall(r"^\| `([a-z-]+)` \| (?:error|warning|note)", PAGE.read_text(), re.MULTILINE))


@settings(max_examples=60, deadline=None)
@given(cibs(), cibs())
def test_any_plan(source: etree._Element, target: etree._Element) -> None:
    try:
        found = closure(Snapshot.of(source), "T")
    except (UnknownTicket, CibError):
        return
    SCHEMA.validate(make_plan(Snapshot.of(target), found, adopt=True).to_map())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plan: plan.pop("token"),
        lambda plan: plan.update(more=1),
        lambda plan: plan.update(token="x"),
        lambda plan: plan.update(cause="mood"),
        lambda plan: plan["publication"].update(digest=""),
        lambda plan: plan["upgrade"].pop("to"),
        lambda plan: plan["preview"].pop("blocked"),
        lambda plan: plan["preview"]["actions"][0].update(action=""),
        lambda plan: plan["override_changes"][0].update(operation="replace"),
        lambda plan: plan["base"].update(version="1.2"),
        lambda plan: plan["problems"].append({"code": "clash", "severity": "error", "message": "m"}),
        lambda plan: plan["problems"].append({"code": "other", "severity": "note", "message": "m"}),
        lambda plan: plan["changes"][0].update(operation="replace"),
        lambda plan: _first(plan, "create").update(position=-1),
        lambda plan: _first(plan, "create").update(attributes=[{"name": "a", "old": None, "new": "1"}]),
        lambda plan: _first(plan, "delete").update(position=0),
        lambda plan: _first(plan, "delete").update(content=""),
        lambda plan: _first(plan, "modify").update(attributes=[]),
        lambda plan: _first(plan, "move").update(content="<a/>"),
        lambda plan: _first(plan, "move").update(path="/cib/status"),
        lambda plan: plan["boundaries"][0].update(outside=[]),
    ],
)
def test_the_schema_tells_what_is_no_plan(spoil: Callable[[dict[str, Any]], object]) -> None:
    plan = rich_plan().to_map()
    spoil(plan)
    assert not SCHEMA.is_valid(plan)


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_the_schemas_are_schemas(path: Path) -> None:
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def _first(plan: dict[str, Any], operation: str) -> dict[str, Any]:
    return next(c for c in plan["changes"] if c["operation"] == operation)
