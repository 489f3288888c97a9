"""How what is owned differs from what was delivered: found to the field, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

from hypothesis import given
from lxml import etree

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ownership import owned_ids, tag_id
from qmfagent.cib.plans.difference import AttributeChange
from qmfagent.cib.plans.drift import find_drift
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import QmfAgentError
from tests.cib.helpers import cib, dummy, normal, pairs, replicate, ticket
from tests.cib.strategies import cibs, edits

LOCAL = dummy("local")
HERE = replicate(
    cib(dummy("a", pairs("i", ip="10.1.0.1", mask="24")) + dummy("b"), ticket("c", "a") + ticket("d", "b")), cib(LOCAL)
)
DELIVERED = {identifier: HERE.lines[identifier] for identifier in owned_ids(HERE, "T")}


def edited(edit: Callable[[etree._Element], object]) -> Snapshot:
    """HERE after an edit of its configuration."""
    element = HERE.to_element()
    edit(element)
    return Snapshot.of(element)


def remove(path: str) -> Callable[[etree._Element], object]:
    """An edit that takes elements out."""
    return lambda root: [each.getparent().remove(each) for each in root.xpath(path)]


def test_what_is_as_it_was_delivered_has_no_drift() -> None:
    drift = find_drift(HERE, "T", DELIVERED)
    assert (drift.members, drift.changes, drift.fields) == ({}, (), 0)


def test_a_value_is_one_field_with_old_and_new() -> None:
    here = edited(lambda root: root.find(".//nvpair[@name='ip']").set("value", "10.9.0.9"))
    drift = find_drift(here, "T", DELIVERED)
    (change,) = drift.changes
    assert (change.operation, change.id, change.member) == ("modify", "i-ip", "a")
    assert change.path == (
        "/cib/configuration/resources/primitive[@id='a']/instance_attributes[@id='i']/nvpair[@id='i-ip']"
    )
    assert change.attributes == (AttributeChange("value", "10.1.0.1", "10.9.0.9"),)
    assert (drift.members, drift.fields) == ({"a": here.lines["a"]}, 1)


def test_every_attribute_of_an_element_counts() -> None:
    def edit(root: etree._Element) -> None:
        root.find(".//rsc_ticket[@id='c']").attrib.update({"loss-policy": "stop", "rsc-role": "Promoted"})

    assert find_drift(edited(edit), "T", DELIVERED).fields == 2


def test_what_was_added_inside_a_member_and_what_was_taken_out_count_as_one_each() -> None:
    def edit(root: etree._Element) -> None:
        root.find(".//primitive[@id='b']").append(etree.fromstring(pairs("m", "meta_attributes", one="1", two="2")))
        remove("//nvpair[@name='mask']")(root)

    drift = find_drift(edited(edit), "T", DELIVERED)
    assert sorted((c.operation, c.id, c.member) for c in drift.changes) == [
        ("create", "m", "b"),
        ("delete", "i-mask", "a"),
    ]
    assert drift.fields == 2


def test_a_member_that_is_gone() -> None:
    drift = find_drift(edited(remove("//rsc_ticket[@id='d']")), "T", DELIVERED)
    (change,) = drift.changes
    assert (change.operation, change.id) == ("delete", "d")
    assert change.path == "/cib/configuration/constraints/rsc_ticket[@id='d']"
    assert (drift.members, drift.fields) == ({"d": b""}, 1)


def test_a_member_of_another_kind_was_replaced() -> None:
    def edit(root: etree._Element) -> None:
        remove("//primitive[@id='b']")(root)
        root.find(".//resources").append(etree.fromstring(f'<group id="b">{dummy("inner")}</group>'))

    drift = find_drift(edited(edit), "T", DELIVERED)
    assert [(c.operation, c.kind, c.path) for c in drift.changes] == [
        ("delete", "primitive", "/cib/configuration/resources/primitive[@id='b']"),
        ("create", "group", "/cib/configuration/resources"),
    ]


def test_what_is_not_owned_is_nobodys_business() -> None:
    assert find_drift(edited(remove("//primitive[@id='local']")), "T", DELIVERED).fields == 0
    assert (
        find_drift(
            edited(lambda root: root.find(".//resources").append(etree.fromstring(dummy("x")))), "T", DELIVERED
        ).fields
        == 0
    )


def test_what_was_taken_out_of_the_record_is_its_administrators_unless_it_is_gone() -> None:
    def edit(root: etree._Element) -> None:
        remove(f"//tag[@id='{tag_id('T')}']/obj_ref[@id='a' or @id='d']")(root)
        remove("//rsc_ticket[@id='d'] | //nvpair[@name='ip']")(root)

    assert find_drift(edited(edit), "T", DELIVERED).members == {"d": b""}


def test_the_order_of_a_set_is_no_drift() -> None:
    def edit(root: etree._Element) -> None:
        values = root.find(".//instance_attributes")
        values[:] = reversed(values)

    here = edited(edit)
    assert here.lines["a"] != DELIVERED["a"]
    assert find_drift(here, "T", DELIVERED).members == {}


def test_nor_is_it_where_values_are_borrowed_in_the_set() -> None:
    borrowing = (
        '<primitive id="a" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="i">'
        '<nvpair id="i-x" name="x" value="1"/><nvpair id-ref="i-x" name="y"/><nvpair id-ref="i-x" name="z"/>'
        "</instance_attributes></primitive>"
    )
    here = replicate(cib(borrowing, ticket("c", "a")), cib(LOCAL))
    delivered = {identifier: here.lines[identifier] for identifier in owned_ids(here, "T")}
    root = here.to_element()
    values = root.find(".//instance_attributes[@id='i']")
    for order in permutations(values):
        values[:] = order
        assert find_drift(Snapshot.of(root), "T", delivered).members == {}


@given(cibs(), edits())
def test_every_edit_of_what_is_owned_is_found_and_no_other(
    source: etree._Element, edit: Callable[[etree._Element], etree._Element]
) -> None:
    try:
        here = replicate(Snapshot.of(source), cib(LOCAL))
        delivered = {identifier: here.lines[identifier] for identifier in closure(here, "T").lines}
    except (QmfAgentError, AssertionError):
        return
    after = Snapshot.of(edit(here.to_element()))
    drift = find_drift(after, "T", delivered)
    owned = owned_ids(after, "T")
    expected = {
        identifier
        for identifier, line in delivered.items()
        if identifier not in after.lines or (identifier in owned and normal(after.lines[identifier]) != normal(line))
    }
    assert set(drift.members) == expected
    assert (drift.fields == 0) == (not expected)
    assert {change.member for change in drift.changes} == expected
