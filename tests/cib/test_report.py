"""A plan in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.mangling.overrides import Override
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.plan import Plan, Published
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.plans.report import Line, action_words, count, plan_lines
from qmfagent.cib.plans.upgrade import Upgrade
from qmfagent.cib.simulation.blocked import Blocked, Hindrance
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import Preview
from qmfagent.cib.snapshot import Snapshot
from tests.cib.helpers import cib, dummy, overridden, pairs, replicate, ticket

NOWHERE = Blocked("c", "Started", (Hindrance("node", "the cluster has no node"),))
SOURCE = cib(dummy("a", pairs("i", n="1")), ticket("c", "a"))


def lines(target: Snapshot, source: Snapshot = SOURCE, **options: Any) -> list[Line]:
    """The plan for ticket T, line by line."""
    return list(plan_lines(make_plan(target, closure(source, "T"), **options).to_map(), "site-b"))


def test_nothing_to_do() -> None:
    assert lines(replicate(SOURCE, cib())) == [("head", "ticket T: nothing to do at site-b")]


def test_creations_with_their_content() -> None:
    assert lines(cib()) == [
        ("head", "ticket T: 2 changes at site-b (CIB 0.5.3)"),
        ("add", "+ create primitive a"),
        ("add", '+   <primitive class="ocf" id="a" provider="pacemaker" type="Dummy">'),
        ("add", '+     <instance_attributes id="i">'),
        ("add", '+       <nvpair id="i-n" name="n" value="1"/>'),
        ("add", "+     </instance_attributes>"),
        ("add", "+   </primitive>"),
        ("add", "+ create rsc_ticket c"),
        ("add", '+   <rsc_ticket id="c" rsc="a" ticket="T"/>'),
        ("note", "besides, 1 change to the record of what is owned for the ticket"),
    ]


def test_a_modification_with_both_values_and_where_it_is() -> None:
    after = cib(dummy("a", pairs("i", n="2")), ticket("c", "a"))
    assert lines(replicate(SOURCE, cib()), after) == [
        ("head", "ticket T: 1 change at site-b (CIB 0.6.0)"),
        ("change", "~ modify nvpair i-n in a"),
        ("remove", "-   value='1'"),
        ("add", "+   value='2'"),
    ]


def test_attributes_that_come_and_go() -> None:
    before = cib(dummy("a"), '<rsc_ticket id="c" rsc="a" ticket="T" loss-policy="stop"/>')
    after = cib(dummy("a"), '<rsc_ticket id="c" rsc="a" ticket="T" rsc-role="Started"/>')
    assert lines(replicate(before, cib()), after)[1:] == [
        ("change", "~ modify rsc_ticket c"),
        ("remove", "-   loss-policy='stop'"),
        ("add", "+   rsc-role='Started'"),
    ]


def test_a_deletion_with_what_is_lost() -> None:
    before = cib(dummy("a", pairs("i", n="1") + pairs("j", m="1")), ticket("c", "a"))
    assert lines(replicate(before, cib()))[1:] == [
        ("remove", "- delete instance_attributes j in a"),
        ("remove", '-   <instance_attributes id="j">'),
        ("remove", '-     <nvpair id="j-m" name="m" value="1"/>'),
        ("remove", "-   </instance_attributes>"),
    ]


def test_a_move_with_the_place_counted_from_one() -> None:
    def group(names: str) -> Snapshot:
        return cib(f'<group id="g">{"".join(map(dummy, names))}</group>', ticket("c", "g"))

    assert ("change", "~ move primitive b in g to place 1") in lines(replicate(group("ab"), cib()), group("ba"))


def test_a_change_of_the_record_alone() -> None:
    assert lines(SOURCE) == [
        ("head", "ticket T: no change at site-b (CIB 0.5.3)"),
        ("note", "besides, 1 change to the record of what is owned for the ticket"),
        ("note", "adopted (here before, owned for the ticket from now on): a, c"),
    ]


def test_a_section_that_is_created_whole() -> None:
    source = cib(dummy("a"), ticket("c", "a"), '<tag id="k"><obj_ref id="a"/></tag>')
    found = lines(cib(), source)
    assert found[0] == ("head", "ticket T: 3 changes at site-b (CIB 0.5.3)")
    assert ("add", "+ create tags") in found
    assert ("add", '+     <tag id="k">') in found


def test_problems_come_first() -> None:
    style, text = lines(cib(dummy("a")))[0]
    assert style == "error"
    assert text.startswith("error: the publication's primitive 'a' clashes with the local primitive 'a'")


def test_overrides_and_boundaries() -> None:
    source = cib(
        dummy("a", pairs("i", n="1")) + dummy("x"), ticket("c", "a") + '<rsc_order id="o" first="a" then="x"/>'
    )
    entries = [Override("nvpair[@id='i-n']", "2", 7), Override("nvpair[@id='zz']", "3", 9)]
    mangled, uses = overridden(closure(source, "T"), *entries)
    found = list(plan_lines(make_plan(cib(), mangled, overrides=uses).to_map()))
    place = "/cib/configuration/resources/primitive[@id='a']/instance_attributes[@id='i']/nvpair[@id='i-n']"
    assert found[0] == (
        "warning",
        "warning: the override at line 9 of the site file touches nothing of this ticket: nvpair[@id='zz']",
    )
    assert found[1] == ("head", "ticket T: 2 changes at the target (CIB 0.5.3)")
    assert ("note", f"override '2' (line 7 of the site file) in 1 place: {place}") in found
    assert found[-1] == ("note", "left out at the holder: order o, which ties a to x")


def shown(plan: Plan) -> list[Line]:
    """A plan line by line."""
    return list(plan_lines(plan.to_map(), "site-b"))


def test_the_override_diff() -> None:
    source = closure(SOURCE, "T")
    mangled, uses = overridden(source, Override("nvpair[@id='i-n']", "2", 7))
    plan = make_plan(replicate(SOURCE, cib()), mangled, overrides=uses)
    found = shown(replace(plan, override_changes=closure_changes(source, mangled)))
    where = found.index(("head", "what this site's own rules changed of the publication:"))
    assert found[where + 1 :] == [
        ("change", "  ~ modify nvpair i-n in a"),
        ("remove", "  -   value='1'"),
        ("add", "  +   value='2'"),
    ]


def test_an_upgrade_stands_before_the_changes() -> None:
    plan = replace(make_plan(cib(), closure(SOURCE, "T")), upgrade=Upgrade("pacemaker-3.5", "pacemaker-3.9", {}))
    assert shown(plan)[1] == ("change", "~ raise validate-with from pacemaker-3.5 to pacemaker-3.9")


@pytest.mark.parametrize(
    ("cause", "words"), [("publication", ""), ("rollback", " to roll back"), ("healing", " to heal drift")]
)
def test_what_a_plan_is_for(cause: str, words: str) -> None:
    plan = replace(make_plan(cib(), closure(SOURCE, "T")), cause=cause)
    assert shown(plan)[0] == ("head", f"ticket T: 2 changes{words} at site-b (CIB 0.5.3)")


def test_whose_publication_it_is() -> None:
    published = Published("site-a", "0.1", "0.7.0", "d" * 64)
    found = shown(replace(make_plan(cib(), closure(SOURCE, "T")), published=published))
    assert ("note", "from the publication of site-a, CIB 0.7.0") in found


def test_a_preview() -> None:
    preview = Preview(
        (Action("start", "a", "", "n1"), Action("stop", "b", "n2")), (Action("move", "x", "n1", "n2"),), (NOWHERE,)
    )
    assert shown(replace(make_plan(cib(), closure(SOURCE, "T")), preview=preview))[-5:] == [
        ("head", "what the cluster would do:"),
        ("add", "  start a on n1"),
        ("remove", "  stop b on n2"),
        ("note", "  without the plan too: move x from n1 to n2"),
        ("warning", "  c would not run: the cluster has no node"),
    ]


@pytest.mark.parametrize(
    ("preview", "line"),
    [
        (Preview(reason="crm_simulate is not here"), ("note", "no preview: crm_simulate is not here")),
        (Preview(), ("plain", "  nothing starts, stops or moves")),
    ],
)
def test_a_preview_with_nothing_in_it(preview: Preview, line: Line) -> None:
    assert shown(replace(make_plan(cib(), closure(SOURCE, "T")), preview=preview))[-1] == line


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Action("restart", "a", "n1", "n1", "required b"), "restart a on n1 (required b)"),
        (Action("migrate", "a", "n1", "n2"), "migrate a from n1 to n2"),
        (Action("Fence (reboot)", "", "n2", "n2"), "Fence (reboot) n2"),
        (Action("promote", "a", "", "n2"), "promote a on n2"),
        (Action("stop", "a"), "stop a"),
    ],
)
def test_actions(action: Action, words: str) -> None:
    assert action_words(action.to_map()) == words


@pytest.mark.parametrize(("number", "words"), [(0, "no change"), (1, "1 change"), (2, "2 changes")])
def test_count(number: int, words: str) -> None:
    assert count([None] * number) == words
