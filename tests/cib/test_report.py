"""A plan in words."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.cib.closure import closure
from qmfagent.cib.overrides import Override, override
from qmfagent.cib.planning import make_plan
from qmfagent.cib.report import Line, count, plan_lines
from qmfagent.cib.snapshot import Snapshot
from tests.cib.helpers import cib, dummy, pairs, replicate, ticket

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
    mangled, uses = override(closure(source, "T"), entries, "site.toml")
    found = list(plan_lines(make_plan(cib(), mangled, overrides=uses).to_map()))
    place = "/cib/configuration/resources/primitive[@id='a']/instance_attributes[@id='i']/nvpair[@id='i-n']"
    assert found[0] == (
        "note",
        "note: the override at line 9 of the site file touches nothing of this ticket: nvpair[@id='zz']",
    )
    assert found[1] == ("head", "ticket T: 2 changes at the target (CIB 0.5.3)")
    assert ("note", f"override '2' in 1 place(s): {place}") in found
    assert found[-1] == ("note", "left out at the holder: order o, which ties a to x")


@pytest.mark.parametrize(("number", "words"), [(0, "no change"), (1, "1 change"), (2, "2 changes")])
def test_count(number: int, words: str) -> None:
    assert count([None] * number) == words
