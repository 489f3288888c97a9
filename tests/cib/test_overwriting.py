"""What was edited here after it had been delivered is overwritten with a word, kept, or left to a person."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.overwriting import alike
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from tests.cib.helpers import apply, cib, dummy, pairs, replicate, ticket

LOCAL = dummy("local")


def source(a: str = "1", b: str = "1", *, with_b: bool = True, order: str = "") -> Snapshot:
    """A holder with resources a and b, which have a value each."""
    resources = dummy("a", pairs("ai", port=a, mode="x")) + (dummy("b", pairs("bi", port=b)) if with_b else "")
    return cib(resources, ticket("ta", "a") + (ticket("tb", "b") + order if with_b else ""))


HERE = replicate(source(), cib(LOCAL))
DELIVERED = {i: HERE.lines[i] for i in owned_ids(HERE, "T")}


def edited(*edits: tuple[str, str]) -> Snapshot:
    """HERE with other values for some nvpairs; with an empty value the member is deleted."""
    root = HERE.to_element()
    for identifier, value in edits:
        element = root.find(f".//*[@id='{identifier}']")
        assert element is not None
        if value:
            element.set("value", value)
        else:
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
    return Snapshot.of(root)


def planned(here: Snapshot, published: Snapshot | Closure, *, keep: bool) -> Plan:
    found = published if isinstance(published, Closure) else closure(published, "T")
    return make_plan(here, found, delivered=DELIVERED, keep_drift=keep)


def problems(plan: Plan) -> list[tuple[str, str]]:
    return [(problem.code, problem.severity) for problem in plan.problems]


def value(snapshot: Snapshot, nvpair: str) -> str | None:
    return snapshot.ids[nvpair].get("value")


@pytest.mark.parametrize("keep", [True, False])
def test_without_drift_there_is_nothing_to_say(keep: bool) -> None:
    plan = planned(HERE, source(a="2"), keep=keep)
    assert (problems(plan), plan.kept) == ([], ())
    assert value(apply(HERE, plan), "ai-port") == "2"


def test_what_is_overwritten_is_told_field_by_field_and_without_values() -> None:
    here = edited(("ai-port", "hunter2"))
    plan = planned(here, source(), keep=False)
    (problem,) = plan.problems
    assert (problem.code, problem.severity) == ("drift", "warning")
    assert "primitive 'a' was changed here (value of nvpair ai-port)" in problem.message
    assert "hunter2" not in problem.message
    assert apply(here, plan).lines == HERE.lines


def test_what_was_deleted_here_is_told_too() -> None:
    here = edited(("tb", ""))
    plan = planned(here, source(), keep=False)
    assert problems(plan) == [("drift", "warning")]
    assert "rsc_ticket 'tb' was deleted here" in plan.problems[0].message
    assert apply(here, plan).lines == HERE.lines


def test_what_both_sides_changed_is_a_warning_to_who_asks_and_an_error_otherwise() -> None:
    here = edited(("ai-port", "7"))
    asked, alone = (planned(here, source(a="2"), keep=keep) for keep in (False, True))
    assert problems(asked) == [("drifted", "warning")]
    assert value(apply(here, asked), "ai-port") == "2"
    assert problems(alone) == [("drifted", "error")]
    assert alone.token == ""


def test_an_edit_is_kept_where_the_publication_left_that_member_as_it_was() -> None:
    here = edited(("ai-port", "7"))
    plan = planned(here, source(b="2"), keep=True)
    assert plan.kept == ("a",)
    assert problems(plan) == [("drift-kept", "note")]
    after = apply(here, plan)
    assert (value(after, "ai-port"), value(after, "bi-port")) == ("7", "2")
    assert owned_ids(after, "T") == owned_ids(HERE, "T")


def test_nothing_is_left_to_do_where_all_that_differs_is_kept() -> None:
    plan = planned(edited(("ai-port", "7")), source(), keep=True)
    assert (plan.changes, plan.kept) == ((), ("a",))


def test_a_deletion_here_is_kept_and_the_record_is_of_what_exists() -> None:
    here = edited(("tb", ""), ("b", ""))
    plan = planned(here, source(a="2"), keep=True)
    assert set(plan.kept) == {"b", "tb"}
    after = apply(here, plan)
    assert not {"b", "tb"} & after.members.keys()
    assert owned_ids(after, "T") == {"a", "ta"}
    assert make_plan(after, closure(source(a="2"), "T"), delivered=DELIVERED | {"a": after.lines["a"]}, keep_drift=True)


def test_the_same_edit_on_both_sides_is_no_matter() -> None:
    here = edited(("ai-port", "2"))
    for keep in (True, False):
        plan = planned(here, source(a="2"), keep=keep)
        assert (problems(plan), plan.changes, plan.kept) == ([], (), ())


@pytest.mark.parametrize(("keep", "severity"), [(True, "error"), (False, "warning")])
def test_deleting_what_was_edited_here_is_a_conflict(keep: bool, severity: str) -> None:
    here = edited(("bi-port", "7"))
    plan = planned(here, source(with_b=False), keep=keep)
    assert problems(plan) == [("drifted", severity)]
    if not keep:
        assert "b" not in apply(here, plan).members


def test_what_is_not_owned_any_more_is_nobodys_business() -> None:
    """An administrator who takes a member out of the record has it as a member of the site's own: it is in the way."""
    root = edited(("ai-port", "7")).to_element()
    for reference in root.findall(".//obj_ref[@id='a']"):
        reference.getparent().remove(reference)
    plan = planned(Snapshot.of(root), source(), keep=True)
    assert plan.kept == ()
    assert problems(plan) == [("clash", "error")]


def test_the_order_of_a_set_is_no_difference() -> None:
    one = b'<meta_attributes id="m"><nvpair id="x"></nvpair><nvpair id="y"></nvpair></meta_attributes>'
    other = b'<meta_attributes id="m"><nvpair id="y"></nvpair><nvpair id="x"></nvpair></meta_attributes>'
    assert alike(one, other)
    assert not alike(one, one.replace(b'"x"', b'"z"'))
    assert not alike(one, b"")
    assert alike(b"", b"")


def test_a_reference_added_to_a_delivered_tag_is_an_edit_too() -> None:
    tags = '<tag id="both"><obj_ref id="a"/><obj_ref id="b"/></tag>'
    holder = cib(dummy("a") + dummy("b"), ticket("ta", "a") + ticket("tb", "b"), tags)
    here = replicate(holder, cib(LOCAL))
    delivered = {i: here.lines[i] for i in owned_ids(here, "T")}
    root = here.to_element()
    etree.SubElement(root.find(".//tag[@id='both']"), "obj_ref", {"id": "local"})
    plan = make_plan(Snapshot.of(root), closure(holder, "T"), delivered=delivered)
    assert problems(plan) == [("drift", "warning")]
    assert "obj_ref local (create)" in plan.problems[0].message
