"""What a plan changes at a site: created, modified, deleted, moved, replaced, recorded."""

from __future__ import annotations

import pytest

from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.ownership import tag_id
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from tests.cib.helpers import apply, cib, dummy, pairs, replicate, ticket

RECORD = tag_id("T")
EMPTY = cib()


def publication(resources: str, constraints: str = "", tags: str = "") -> Closure:
    """What a holder with these members publishes for ticket T; resource `a` depends on it."""
    return closure(cib(resources, ticket("c", "a") + constraints, tags), "T")


def delivered(found: Closure, target: Snapshot = EMPTY) -> Snapshot:
    """The target after the publication was applied to it."""
    return apply(target, make_plan(target, found))


def changed(plan: Plan) -> list[tuple[str, str, str]]:
    """The changes but for those of the record: operation, kind, id."""
    return [(c.operation, c.kind, c.id) for c in plan.changes if c.member != RECORD]


class TestCreate:
    def test_every_member_and_the_record_of_it(self) -> None:
        target = cib(dummy("local"), "", '<tag id="mine"><obj_ref id="local"/></tag>')
        plan = make_plan(target, publication(dummy("a")))
        assert [(c.operation, c.kind, c.id, c.path, c.position) for c in plan.changes] == [
            ("create", "primitive", "a", "/cib/configuration/resources", 1),
            ("create", "rsc_ticket", "c", "/cib/configuration/constraints", 0),
            ("create", "tag", RECORD, "/cib/configuration/tags", 1),
        ]
        after = apply(target, plan)
        assert after.references.tags[RECORD] == ("a", "c")

    def test_the_section_of_tags_where_there_is_none(self) -> None:
        plan = make_plan(EMPTY, publication(dummy("a")))
        assert [(c.kind, c.path, c.position) for c in plan.changes][-1] == ("tags", "/cib/configuration", 4)
        assert RECORD in apply(EMPTY, plan).members

    def test_positions_count_the_comments_of_the_target(self) -> None:
        target = cib("<!-- one -->" + dummy("local") + "<!-- two -->")
        plan = make_plan(target, publication(dummy("a")))
        assert plan.changes[0].position == 3
        after = apply(target, plan).configuration.xpath("resources/node()")
        assert [e.get("id") or e.text for e in after] == [" one ", "local", " two ", "a"]

    def test_several_in_one_section_stand_one_after_the_other(self) -> None:
        found = publication(dummy("a") + dummy("b"), ticket("d", "b"))
        plan = make_plan(EMPTY, found)
        assert [c.position for c in plan.changes if c.path.endswith("/resources")] == [0, 1]
        assert closure(apply(EMPTY, plan), "T").digest == found.digest


class TestFollow:
    """A later publication at a site that has an earlier one."""

    def test_modify_touches_the_value_alone(self) -> None:
        here = delivered(publication(dummy("a", pairs("i", ip="10.1.0.1"))))
        plan = make_plan(here, publication(dummy("a", pairs("i", ip="10.2.0.1"))))
        assert changed(plan) == [("modify", "nvpair", "i-ip")]
        (change,) = plan.changes
        assert [(a.name, a.old, a.new) for a in change.attributes] == [("value", "10.1.0.1", "10.2.0.1")]
        assert change.path.endswith("/primitive[@id='a']/instance_attributes[@id='i']/nvpair[@id='i-ip']")

    def test_delete_what_the_holder_deleted(self) -> None:
        here = delivered(publication(dummy("a") + dummy("b"), ticket("d", "b")), cib(dummy("local")))
        plan = make_plan(here, publication(dummy("a")))
        assert changed(plan) == [("delete", "primitive", "b"), ("delete", "rsc_ticket", "d")]
        after = apply(here, plan)
        assert set(after.members) == {"local", "a", "c", RECORD}
        assert after.references.tags[RECORD] == ("a", "c")

    def test_positions_count_what_is_left_after_the_deletions(self) -> None:
        here = delivered(publication(dummy("a") + dummy("b"), ticket("d", "b")), cib(dummy("local")))
        plan = make_plan(here, publication(dummy("a") + dummy("n"), ticket("e", "n")))
        assert [(c.id, c.position) for c in plan.changes if c.operation == "create" and c.member != RECORD] == [
            ("n", 2),
            ("e", 1),
        ]

    def test_move_within_a_group(self) -> None:
        one = publication(f'<group id="g">{dummy("a")}{dummy("b")}{dummy("d")}</group>')
        other = publication(f'<group id="g">{dummy("d")}{dummy("a")}{dummy("b")}</group>')
        here = delivered(one)
        plan = make_plan(here, other)
        assert changed(plan) == [("move", "primitive", "d")]
        assert closure(apply(here, plan), "T").digest == other.digest

    def test_replace_what_became_something_else_of_the_same_id(self) -> None:
        here = delivered(publication(dummy("a")))
        other = publication(f'<group id="a">{dummy("b")}</group>')
        plan = make_plan(here, other)
        assert changed(plan) == [("delete", "primitive", "a"), ("create", "group", "a")]
        assert closure(apply(here, plan), "T").digest == other.digest

    def test_a_resource_that_went_into_a_group(self) -> None:
        here = delivered(publication(dummy("a")))
        other = publication(f'<group id="g">{dummy("a")}</group>')
        plan = make_plan(here, other)
        assert changed(plan) == [("delete", "primitive", "a"), ("create", "group", "g")]
        assert not plan.errors
        assert closure(apply(here, plan), "T").digest == other.digest

    def test_put_back_what_somebody_changed_or_deleted_here(self) -> None:
        found = publication(dummy("a", pairs("i", n="1")) + dummy("b"), ticket("d", "b"))
        record = delivered(found).lines[RECORD].decode()
        drifted = cib(dummy("a", pairs("i", n="mine")), ticket("c", "a"), record)
        plan = make_plan(drifted, found)
        assert changed(plan) == [
            ("modify", "nvpair", "i-n"),
            ("create", "primitive", "b"),
            ("create", "rsc_ticket", "d"),
        ]
        assert make_plan(apply(drifted, plan), found).changes == ()

    def test_the_same_again_is_nothing(self) -> None:
        found = publication(dummy("a", pairs("i", n="1")))
        plan = make_plan(delivered(found), found)
        assert plan.changes == ()
        assert plan.token == ""

    def test_withdrawal_deletes_all_of_it_and_the_record(self) -> None:
        here = delivered(publication(dummy("a")), cib(dummy("local")))
        holder = cib(dummy("a"), "", f'<tag id="{RECORD}"><obj_ref id="a"/><obj_ref id="c"/></tag>')
        plan = make_plan(here, closure(holder, "T"))
        after = apply(here, plan)
        assert set(after.members) == {"local"}
        assert make_plan(after, Closure("T", {"resources": {}, "constraints": {}, "tags": {}})).changes == ()


class TestAtTheHolder:
    """The source is the target: the holder plans its own publication."""

    HOLDER = cib(
        dummy("a") + dummy("x"), ticket("c", "a"), status='<tickets><ticket_state id="T" granted="true"/></tickets>'
    )

    def test_only_the_record_is_written(self) -> None:
        plan = make_plan(self.HOLDER, closure(self.HOLDER, "T"))
        assert [(c.operation, c.kind, c.member) for c in plan.changes] == [("create", "tags", RECORD)]
        assert plan.adopted == ("a", "c")
        after = apply(self.HOLDER, plan)
        assert make_plan(after, closure(after, "T")).changes == ()

    def test_the_reader_is_warned(self) -> None:
        (problem,) = make_plan(self.HOLDER, closure(self.HOLDER, "T")).problems
        assert (problem.code, problem.severity) == ("holder", "warning")

    @pytest.mark.parametrize("borrowed", ["", '<meta_attributes id-ref="m"/>'], ids=["plain", "with a borrowed set"])
    def test_the_direction_turns_round(self, borrowed: str) -> None:
        lender = dummy("x", pairs("m", "meta_attributes", priority="1"))
        first = cib(lender + dummy("a", borrowed) + dummy("b"), ticket("c", "a") + ticket("d", "b"))
        first = apply(first, make_plan(first, closure(first, "T")))
        second = replicate(first, cib(dummy("local")))
        edited = second.to_element()
        for gone in edited.xpath("//resources/primitive[@id='b'] | //constraints/*[@id='d']"):
            gone.getparent().remove(gone)
        second = Snapshot.of(edited)
        plan = make_plan(first, closure(second, "T"))
        assert changed(plan) == [("delete", "primitive", "b"), ("delete", "rsc_ticket", "d")]
        after = apply(first, plan)
        assert after.lines["a"] == first.lines["a"]
        assert make_plan(after, closure(second, "T")).changes == ()


class TestPlan:
    def test_names_what_it_was_computed_from(self) -> None:
        plan = make_plan(EMPTY, publication(dummy("a")))
        assert plan.base_version == Version(0, 5, 3)
        assert plan.base_digest == EMPTY.config_digest
        assert b'<source admin_epoch="0" epoch="5"/>' in plan.patchset
        assert b'<target admin_epoch="0" epoch="6" num_updates="0"/>' in plan.patchset

    def test_the_token_names_the_changes_and_the_configuration(self) -> None:
        found, other = publication(dummy("a")), publication(dummy("a", pairs("i", n="1")))
        token = make_plan(EMPTY, found).token
        assert make_plan(cib(status="<node_state/>"), found).token == token
        assert make_plan(EMPTY, other).token != token
        assert make_plan(cib(dummy("local")), found).token != token

    def test_with_an_error_has_no_token(self) -> None:
        plan = make_plan(cib(dummy("a", pairs("i", n="1"))), publication(dummy("a")))
        assert plan.errors
        assert plan.token == ""

    def test_warns_of_what_the_ticket_does_not_hold_back(self) -> None:
        source = cib(f'<group id="g">{dummy("a")}{dummy("b")}</group>', ticket("c", "b"))
        (problem,) = make_plan(EMPTY, closure(source, "T")).problems
        assert (problem.code, problem.severity) == ("independent", "warning")
        assert "'a'" in problem.message

    def test_tells_what_stayed_at_the_holder(self) -> None:
        source = cib(dummy("a") + dummy("x"), ticket("c", "a") + '<rsc_order id="o" first="a" then="x"/>')
        (boundary,) = make_plan(EMPTY, closure(source, "T")).boundaries
        assert boundary.id == "o"


class TestTwoTickets:
    """A member that two tickets share."""

    BOTH = cib(dummy("a"), ticket("c", "a", "T") + ticket("e", "a", "U"))

    def test_is_owned_for_each(self) -> None:
        here = replicate(self.BOTH, replicate(self.BOTH, EMPTY, "T"), "U")
        assert set(here.members) == {"a", "c", "e", tag_id("T"), tag_id("U")}
        assert make_plan(here, closure(self.BOTH, "T")).changes == ()
        assert make_plan(here, closure(self.BOTH, "U")).changes == ()

    def test_what_another_ticket_delivered_is_shared_where_it_is_the_same(self) -> None:
        here = replicate(cib(dummy("a"), ticket("e", "a", "U")), EMPTY, "U")
        plan = make_plan(here, closure(self.BOTH, "T"))
        assert not plan.errors
        assert plan.adopted == ("a", "e")
        assert apply(here, plan).references.tags[tag_id("T")] == ("a", "c", "e")

    def test_stays_when_one_of_them_gives_it_up(self) -> None:
        here = replicate(self.BOTH, replicate(self.BOTH, EMPTY, "T"), "U")
        without = cib(dummy("a"), "", f'<tag id="{tag_id("U")}"><obj_ref id="a"/></tag>')
        after = replicate(without, here, "U")
        assert "a" in after.members
        assert tag_id("U") not in after.members
        assert tag_id("T") in after.members
