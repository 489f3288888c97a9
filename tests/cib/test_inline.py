"""Definitions that a closure borrows by id-ref: written out, and taken back."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib.closure.closure import Closure, closure, from_document
from qmfagent.cib.closure.inline import restore_references
from qmfagent.cib.document import canonical, parse_element
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError
from tests.cib.helpers import apply, cib, dummy, pairs, replicate, ticket

RULE = '<rule id="r" score="1"><expression id="e" attribute="x" operation="defined"/></rule>'
OPERATIONS = '<operations id="o"><op id="os" name="start" interval="0s"/></operations>'


def published(resources: str, constraints: str = "", more: str = "") -> Closure:
    """The closure of ticket T, which resource `a` depends on; read again, as another site does."""
    found = closure(cib(resources, ticket("c", "a") + constraints, more=more), "T")
    assert from_document("T", found.canonical).canonical == found.canonical
    return found


def member(found: Closure, identifier: str) -> etree._Element:
    """A member of a closure."""
    return parse_element(found.lines[identifier])


class TestOutside:
    """The definition stands in something that does not travel."""

    @pytest.mark.parametrize("tag", ["instance_attributes", "meta_attributes", "utilization"])
    def test_an_nvset_of_another_resource(self, tag: str) -> None:
        found = published(dummy("x", pairs("s", tag, n="1")) + dummy("a", f'<{tag} id-ref="s"/>'))
        assert set(found.lines) == {"a", "c"}
        assert etree.tostring(member(found, "a")[0]) == (
            f'<{tag} id="a.s"><nvpair id="a.s.s-n" name="n" value="1"/></{tag}>'.encode()
        )

    def test_an_nvset_of_the_defaults(self) -> None:
        defaults = f"<rsc_defaults>{pairs('s', 'meta_attributes', n='1')}</rsc_defaults>"
        found = published(dummy("a", '<meta_attributes id-ref="s"/>'), more=defaults)
        assert member(found, "a").find("meta_attributes").get("id") == "a.s"

    def test_operations(self) -> None:
        found = published(dummy("x", OPERATIONS) + dummy("a", '<operations id-ref="o"/>'))
        assert etree.tostring(member(found, "a")[0]) == (
            b'<operations id="a.o"><op id="a.o.os" interval="0s" name="start"/></operations>'
        )

    def test_a_rule(self) -> None:
        found = published(
            dummy("a") + dummy("x"),
            f'<rsc_location id="lx" rsc="x">{RULE}</rsc_location>'
            '<rsc_location id="l" rsc="a"><rule id-ref="r"/></rsc_location>',
        )
        assert set(found.lines) == {"a", "c", "l"}
        assert member(found, "l")[0].get("id") == "l.r"
        assert member(found, "l")[0][0].get("id") == "l.r.e"

    def test_a_resource_set(self) -> None:
        resource_set = '<resource_set id="s"><resource_ref id="a"/></resource_set>'
        found = published(
            dummy("a") + dummy("x"),
            f'<rsc_order id="ox">{resource_set}<resource_set id="s2"><resource_ref id="x"/></resource_set></rsc_order>'
            '<rsc_colocation id="n" score="1"><resource_set id-ref="s"/></rsc_colocation>',
        )
        assert set(found.lines) == {"a", "c", "n"}
        assert etree.tostring(member(found, "n")[0]) == b'<resource_set id="n.s"><resource_ref id="a"/></resource_set>'

    @pytest.mark.parametrize(
        ("reference", "name", "identifier"),
        [("", "n", "i.s-n"), ('name="m"', "m", "i.s-n.m")],
        ids=["plain", "renamed"],
    )
    def test_an_nvpair(self, reference: str, name: str, identifier: str) -> None:
        borrower = f'<instance_attributes id="i"><nvpair id-ref="s-n" {reference}/></instance_attributes>'
        found = published(dummy("x", pairs("s", n="1")) + dummy("a", borrower))
        pair = member(found, "a")[0][0]
        assert dict(pair.attrib) == {"id": identifier, "name": name, "value": "1"}

    def test_what_a_definition_borrows_itself(self) -> None:
        lender = (
            '<instance_attributes id="s"><rule id-ref="r"/><nvpair id="p" name="n" value="1"/></instance_attributes>'
        )
        found = published(
            dummy("x", lender) + dummy("a", '<instance_attributes id-ref="s"/>'),
            f'<rsc_location id="lx" rsc="x">{RULE}</rsc_location>',
        )
        assert [e.get("id") for e in member(found, "a").iterdescendants()] == ["a.s", "a.s.r", "a.s.r.e", "a.s.p"]

    def test_twice_in_one_member_is_a_copy_each(self) -> None:
        borrowers = dummy("p", '<meta_attributes id-ref="s"/>') + dummy("q", '<meta_attributes id-ref="s"/>')
        found = published(dummy("x", pairs("s", "meta_attributes", n="1")) + f'<group id="a">{borrowers}</group>')
        assert [e.get("id") for e in member(found, "a").iter("meta_attributes")] == ["p.s", "q.s"]

    def test_twice_in_one_place_is_a_copy_each(self) -> None:
        """An operation's options are borrowed by themselves, and again with all the operations."""
        operations = f'<operations id="o"><op id="os" name="start" interval="0s">{pairs("s", n="1")}</op></operations>'
        borrowed = '<instance_attributes id-ref="s"/><operations id-ref="o"/>'
        found = published(dummy("x", operations) + dummy("a", borrowed))
        assert [e.get("id") for e in member(found, "a").iter("instance_attributes")] == ["a.s", "a.o.s"]

    def test_a_renamed_pair_leaves_the_others_their_name(self) -> None:
        borrower = '<meta_attributes id="i"><nvpair id-ref="s-n" name="m"/><nvpair id-ref="s-n"/></meta_attributes>'
        found = published(dummy("x", pairs("s", n="1")) + dummy("a", borrower))
        assert [(e.get("id"), e.get("name")) for e in member(found, "a")[0]] == [("i.s-n.m", "m"), ("i.s-n", "n")]

    def test_two_tickets_may_borrow_the_same(self) -> None:
        borrowers = "".join(dummy(i, '<operations id-ref="o"/>') for i in "ab")
        source = cib(dummy("x", OPERATIONS) + borrowers, ticket("c", "a") + ticket("d", "b", "U"))
        target = replicate(source, replicate(source, cib()), "U")
        assert {"a.o", "b.o"} <= target.ids.keys()

    def test_in_two_members_is_a_copy_each(self) -> None:
        resources = dummy("x", pairs("s", "meta_attributes", n="1")) + "".join(
            dummy(i, '<meta_attributes id-ref="s"/>') for i in "ab"
        )
        found = published(resources, ticket("d", "b"))
        assert member(found, "a")[0].get("id") == "a.s"
        assert member(found, "b")[0].get("id") == "b.s"

    def test_a_copy_never_takes_an_id_that_is_in_use(self) -> None:
        found = published(
            dummy("x", pairs("s", "meta_attributes", n="1"))
            + dummy("a", '<meta_attributes id-ref="s"/>')
            + dummy("a.s")
        )
        assert member(found, "a")[0].get("id") == "a.s."


class TestInside:
    """The definition travels, and so the reference stays one."""

    @pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
    def test_stays_a_reference(self, order: tuple[str, str]) -> None:
        each = {"a": dummy("a", pairs("s", "meta_attributes", n="1")), "b": dummy("b", '<meta_attributes id-ref="s"/>')}
        found = published("".join(each[i] for i in order), ticket("d", "b"))
        assert dict(member(found, "b")[0].attrib) == {"id-ref": "s"}

    def test_in_a_constraint_of_the_closure(self) -> None:
        found = published(
            dummy("a"),
            f'<rsc_location id="l1" rsc="a">{RULE}</rsc_location>'
            '<rsc_location id="l2" rsc="a"><rule id-ref="r"/></rsc_location>',
        )
        assert dict(member(found, "l2")[0].attrib) == {"id-ref": "r"}


class TestFaults:
    def test_a_reference_to_nothing(self) -> None:
        with pytest.raises(
            CibError, match="a: meta_attributes refers to 'gone', which does not exist; correct its id-ref"
        ):
            published(dummy("a", '<meta_attributes id-ref="gone"/>'))

    def test_a_reference_to_another_kind(self) -> None:
        with pytest.raises(CibError, match="a: meta_attributes refers to 'x', which is a primitive"):
            published(dummy("x") + dummy("a", '<meta_attributes id-ref="x"/>'))

    def test_a_reference_of_something_outside_is_no_concern(self) -> None:
        assert set(published(dummy("a") + dummy("x", '<meta_attributes id-ref="gone"/>')).lines) == {"a", "c"}

    @pytest.mark.parametrize(
        "nested",
        [
            '<rule id="r" score="1"><rule id-ref="r"/></rule>',
            '<rule id="r" score="1"><rule id="q" score="1"><rule id-ref="r"/></rule></rule>',
        ],
    )
    def test_a_definition_that_borrows_itself(self, nested: str) -> None:
        lender = f'<meta_attributes id="s">{nested}</meta_attributes>'
        with pytest.raises(CibError, match="a: rule refers to 'r', which borrows in a circle or without end"):
            published(dummy("x", lender) + dummy("a", '<meta_attributes id-ref="s"/>'))

    def test_a_bomb_of_definitions_that_borrow_others_twice(self) -> None:
        rules = "".join(
            f'<rule id="r{i}" score="1"><rule id="x{i}" score="1"><rule id-ref="r{i + 1}"/></rule>'
            f'<rule id="y{i}" score="1"><rule id-ref="r{i + 1}"/><rule id="z{i}"><rule id-ref="r{i + 1}"/></rule></rule></rule>'
            for i in range(14)
        )
        lender = f'<meta_attributes id="s">{rules}<rule id="r14" score="1"/></meta_attributes>'
        with pytest.raises(CibError, match="in a circle or without end"):
            published(dummy("x", lender) + dummy("a", '<meta_attributes id="b"><rule id-ref="r0"/></meta_attributes>'))

    def test_a_reference_with_another_inside_it_is_replaced_with_it(self) -> None:
        """What has an id-ref has no content of its own, for Pacemaker."""
        lender = pairs("s", n="1") + pairs("t", m="1")
        user = '<instance_attributes id-ref="s"><nvpair id-ref="t-m"/></instance_attributes>'
        assert b"t-m" not in published(dummy("x", lender) + dummy("a", user)).lines["a"]

    def test_what_a_node_lends_is_found_too(self) -> None:
        source = cib(dummy("a", '<instance_attributes id-ref="s"/>'), ticket("c", "a")).to_element()
        source.find("configuration/nodes").append(
            etree.fromstring(f'<node id="1" uname="n">{pairs("s", n="1")}</node>')
        )
        assert b'<nvpair id="a.s.s-n" name="n" value="1">' in closure(Snapshot.of(source), "T").lines["a"]


class TestBack:
    """A site that had published a member gets it back in the form it had."""

    HOLDER = cib(
        dummy("x", pairs("s", "meta_attributes", n="1"))
        + dummy("a", pairs("i", n="1") + '<meta_attributes id-ref="s"/>'),
        ticket("c", "a"),
    )

    def edited(self, old: str, new: str) -> Snapshot:
        """The other site, to which it was delivered, after an edit there."""
        other = replicate(self.HOLDER, cib(dummy("local")))
        return Snapshot.parse(etree.tostring(other.to_element()).replace(old.encode(), new.encode()))

    def test_a_change_of_something_else_leaves_the_reference(self) -> None:
        second = self.edited('id="i-n" name="n" value="1"', 'id="i-n" name="n" value="2"')
        plan = make_plan(self.HOLDER, closure(second, "T"), adopt=True)
        after = apply(self.HOLDER, plan)
        assert [(c.operation, c.id) for c in plan.changes if c.member == "a"] == [("modify", "i-n")]
        assert after.members["a"].find("meta_attributes").get("id-ref") == "s"
        assert make_plan(after, closure(second, "T")).changes == ()

    def test_a_change_of_what_was_borrowed_writes_it_out(self) -> None:
        """What x has is x's own, and stays as it is."""
        second = self.edited('id="a.s.s-n" name="n" value="1"', 'id="a.s.s-n" name="n" value="2"')
        after = replicate(second, self.HOLDER, adopt=True)
        assert after.members["a"].find("meta_attributes/nvpair").get("value") == "2"
        assert after.lines["x"] == self.HOLDER.lines["x"]

    def test_restored_is_a_copy(self) -> None:
        current, out = self.HOLDER.members["a"], parse_element(closure(self.HOLDER, "T").lines["a"])
        before = etree.tostring(out)
        assert canonical(restore_references(out, current, out)) == canonical(current)
        assert etree.tostring(out) == before

    def test_a_definition_that_moved_out_of_a_deleted_member_is_not_lost(self) -> None:
        """The lender was the ticket's too, and goes: what it lent has to come along."""
        owned = "".join(f'<obj_ref id="{i}"/>' for i in ("a", "c", "d", "x"))
        here = cib(
            dummy("x", OPERATIONS) + dummy("a", '<operations id-ref="o"/>'),
            ticket("c", "a") + ticket("d", "x"),
            f'<tag id="qmfagent-owned-T">{owned}</tag>',
        )
        after = replicate(cib(dummy("a", OPERATIONS), ticket("c", "a")), here)
        assert "x" not in after.members
        assert b'<operations id="o">' in after.lines["a"]

    def test_a_place_that_still_borrows_leaves_no_reference_to_what_went(self) -> None:
        """The other site made something of its own refer to the copy, which this site does not have."""
        second = self.edited(
            '<instance_attributes id="i">',
            '<meta_attributes id="j"><nvpair id-ref="a.s.s-n"/></meta_attributes><instance_attributes id="i">',
        )
        after = replicate(second, self.HOLDER, adopt=True)
        assert {str(i) for i in after.configuration.xpath("//@id-ref")} <= after.ids.keys()
