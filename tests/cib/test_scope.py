"""What a publication may touch at a site, and what stands against it."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ownership import tag_id
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from tests.cib.helpers import apply, cib, dummy, pairs, replicate, ticket

SOURCE = cib(dummy("a", pairs("i", n="1")), ticket("c", "a"))


def plan_at(target: Snapshot, source: Snapshot = SOURCE, *, adopt: bool = False) -> Plan:
    """The plan that brings what `source` has for ticket T to `target`."""
    return make_plan(target, closure(source, "T"), adopt=adopt)


def errors(plan: Plan) -> list[tuple[str, str]]:
    """Codes and messages of what forbids the plan."""
    return [(p.code, p.message) for p in plan.errors]


class TestClash:
    def test_a_local_member_of_the_same_id_is_named_with_the_publications(self) -> None:
        ((code, message),) = errors(plan_at(cib(f'<group id="a">{dummy("x")}</group>')))
        assert code == "clash"
        assert "the publication's primitive 'a' clashes with the local group 'a'" in message
        assert "which no apply has delivered; rename one of them" in message

    def test_one_that_is_the_same_but_does_not_depend_on_the_ticket_is_one_too(self) -> None:
        ((code, message),) = errors(plan_at(cib(dummy("a", pairs("i", n="1")))))
        assert code == "clash"
        assert "rename one of them" in message

    @pytest.mark.parametrize("adopt", [False, True])
    def test_adopt_does_not_take_what_is_none_of_the_tickets(self, adopt: bool) -> None:
        assert errors(plan_at(cib(dummy("a")), adopt=adopt))

    @pytest.mark.parametrize(
        ("local", "words", "holder"),
        [
            (
                cib(dummy("x", pairs("i", z="1"))),
                "instance_attributes 'i' in a",
                "local instance_attributes 'i' in x of the same id",
            ),
            (cib(dummy("x", pairs("i2", "meta_attributes") + pairs("k", n="1"))), "", ""),
            (cib(dummy("i")), "instance_attributes 'i' in a", "local primitive 'i' of the same id"),
            (
                cib("", "", '<tag id="i-n"><obj_ref id="gone"/></tag>'),
                "nvpair 'i-n' in a",
                "local tag 'i-n' of the same id",
            ),
        ],
        ids=["inside another resource", "no clash", "another resource", "a tag"],
    )
    def test_ids_inside_members(self, local: Snapshot, words: str, holder: str) -> None:
        found = errors(plan_at(local))
        assert [code for code, _ in found] == (["clash"] if words else [])
        assert all(words in message and holder in message for _, message in found)

    @pytest.mark.parametrize(
        ("section", "words", "clash"),
        [
            ("crm_config", pairs("i", "cluster_property_set", z="1"), "cluster_property_set 'i'"),
            ("rsc_defaults", pairs("i", "meta_attributes", z="1"), "meta_attributes 'i'"),
            ("op_defaults", pairs("i", "meta_attributes", z="1"), "meta_attributes 'i'"),
            ("nodes", f'<node id="a" uname="n">{pairs("i", z="1")}</node>', "instance_attributes 'i' in a"),
            ("acls", '<acl_role id="i"/>', "acl_role 'i'"),
            ("fencing-topology", '<fencing-level id="i" target="n" index="1" devices="f"/>', "fencing-level 'i'"),
            ("alerts", f'<alert id="x" path="/x">{pairs("i", z="1")}</alert>', "instance_attributes 'i' in x"),
        ],
    )
    def test_ids_in_other_sections(self, section: str, words: str, clash: str) -> None:
        """At any depth; also in a node that has the id of what is owned here."""
        for target in (cib(), replicate(cib(dummy("a"), ticket("c", "a")), cib())):
            local = target.to_element()
            configuration = local.find("configuration")
            found = configuration.find(section)
            if found is None:
                found = etree.SubElement(configuration, section)
            found.append(etree.fromstring(words))
            ((code, message),) = errors(plan_at(Snapshot.of(local)))
            assert code == "clash"
            assert f"clashes with the local {clash} of the same id" in message

    def test_a_member_whose_id_a_local_part_has(self) -> None:
        ((code, message),) = errors(plan_at(cib(f'<group id="g">{dummy("a")}</group>')))
        assert code == "clash"
        assert "the publication's primitive 'a' clashes with the local primitive 'a' in g of the same id" in message

    def test_not_with_the_name_of_a_node(self) -> None:
        element = cib().to_element()
        element.find("configuration/nodes").append(element.makeelement("node", {"id": "a", "uname": "a"}))
        assert not errors(plan_at(Snapshot.of(element)))

    def test_not_with_the_id_of_a_part_that_goes(self) -> None:
        """What was delivered before gives its ids free."""
        before = cib(dummy("a") + dummy("b", pairs("i", n="1")), ticket("c", "a") + ticket("d", "b"))
        assert not errors(plan_at(replicate(before, cib())))

    def test_with_what_another_ticket_owns(self) -> None:
        here = replicate(cib(dummy("a"), ticket("e", "a", "U")), cib(), "U")
        ((code, message),) = errors(plan_at(here))
        assert code == "clash"
        assert f"for this ticket (it is owned by {tag_id('U')})" in message

    def test_forbids_the_whole_plan(self) -> None:
        assert plan_at(cib(dummy("a"))).token == ""


class TestAdoption:
    """Elements that somebody carried over by hand."""

    SAME = cib(dummy("a", pairs("i", n="1")), ticket("c", "a"))
    OTHER = cib(dummy("a", pairs("i", n="mine")), ticket("c", "a"))

    def test_the_same_to_the_letter_becomes_owned(self) -> None:
        plan = plan_at(self.SAME)
        assert plan.adopted == ("a", "c")
        assert {c.kind for c in plan.changes} == {"tags"}
        assert apply(self.SAME, plan).references.tags[tag_id("T")] == ("a", "c")

    def test_one_that_differs_is_a_clash_that_tells_of_adopt(self) -> None:
        ((code, message),) = errors(plan_at(self.OTHER))
        assert code == "clash"
        assert "it depends on the same ticket: '--adopt' takes it over" in message

    def test_one_that_differs_is_taken_over_when_asked_for(self) -> None:
        plan = plan_at(self.OTHER, adopt=True)
        assert not plan.errors
        assert plan.adopted == ("a", "c")
        assert closure(apply(self.OTHER, plan), "T").digest == closure(SOURCE, "T").digest

    def test_what_the_holder_never_published_stays_local(self) -> None:
        """A local addition to the ticket is neither owned nor deleted."""
        here = cib(dummy("a", pairs("i", n="1")) + dummy("extra"), ticket("c", "a") + ticket("d", "extra"))
        after = apply(here, plan_at(here))
        assert {"extra", "d"} <= set(after.members)
        assert after.references.tags[tag_id("T")] == ("a", "c")


class TestInUse:
    """Local elements that refer to what would be deleted."""

    BEFORE = cib(
        dummy("a") + dummy("b", pairs("m", "meta_attributes", priority="1")), ticket("c", "a") + ticket("d", "b")
    )
    AFTER = cib(dummy("a"), ticket("c", "a"))

    @pytest.mark.parametrize(
        ("local", "words"),
        [
            (("", '<rsc_location id="l" rsc="b" node="n1" score="1"/>'), "local rsc_location 'l' refers to 'b'"),
            (("", '<rsc_order id="l" first="b" then="x"/>'), "local rsc_order 'l' refers to 'b'"),
            (
                ("", '<rsc_order id="l"><resource_set id="s"><resource_ref id="b"/><resource_ref id="x"/>'
                 "</resource_set></rsc_order>"),
                "local resource_set 's' refers to 'b'",
            ),
            ((dummy("y", '<meta_attributes id-ref="m"/>'), ""), "local primitive 'y' refers to 'm'"),
            (
                ("", '<rsc_location id="l" rsc="t" node="n1" score="1"/>', '<tag id="t"><obj_ref id="b"/></tag>'),
                "local rsc_location 'l' refers to 'b' by the tag 't'",
            ),
            (
                ("", "", "", '<acls><acl_role id="r"><acl_permission id="p" kind="write" reference="b"/></acl_role></acls>'),
                "local acl_permission 'p' refers to 'b'",
            ),
        ],
        ids=["location", "order", "set", "id-ref", "tag", "acl"],
    )  # fmt: skip
    def test_blocks_the_deletion(self, local: tuple[str, ...], words: str) -> None:
        resources, constraints, tags, more = (*local, "", "")[:4]
        here = replicate(self.BEFORE, cib(dummy("x") + resources, constraints, tags, more=more))
        ((code, message),) = errors(plan_at(here, self.AFTER))
        assert code == "in-use"
        assert words in message
        assert "which would be deleted; change or delete it first" in message

    def test_a_tag_alone_does_not(self) -> None:
        """Pacemaker lets a tag refer to what is not there."""
        here = replicate(self.BEFORE, cib("", "", '<tag id="t"><obj_ref id="b"/></tag>'))
        assert not errors(plan_at(here, self.AFTER))

    def test_nor_does_what_goes_too(self) -> None:
        before = cib(
            dummy("a") + dummy("b"),
            ticket("c", "a") + ticket("d", "b") + '<rsc_order id="o" first="a" then="b"/>',
            '<tag id="t"><obj_ref id="b"/></tag>',
        )
        assert not errors(plan_at(replicate(before, cib()), self.AFTER))

    def test_a_template_that_something_local_is_made_from(self) -> None:
        template = '<template id="t" class="ocf" provider="pacemaker" type="Dummy"/>'
        before = cib(dummy("a") + template, ticket("c", "a") + ticket("d", "t"))
        here = replicate(before, cib()).to_element()
        here.find("configuration/resources").append(here.makeelement("primitive", {"id": "y", "template": "t"}))
        ((code, message),) = errors(plan_at(Snapshot.of(here), self.AFTER))
        assert code == "in-use"
        assert "the local primitive 'y' refers to 't'" in message


class TestPattern:
    @pytest.mark.parametrize("pattern", ["^w", "!^x", "[[:alpha:]]+-[0-9]"])
    def test_that_reaches_local_resources_is_an_error(self, pattern: str) -> None:
        constraint = f'<rsc_location id="l" rsc-pattern="{pattern}" node="n1" score="1"/>'
        source = cib(dummy("web-1"), ticket("c", "web-1") + constraint)
        assert not errors(plan_at(cib(dummy("x")), source))
        ((code, message),) = errors(plan_at(cib(dummy("x") + dummy("web-9")), source))
        assert code == "pattern"
        assert "location l also matches the local web-9; narrow the pattern at the holder" in message

    def test_counts_no_resource_that_goes_with_this_plan(self) -> None:
        before = cib(dummy("a") + dummy("w"), ticket("c", "a") + ticket("d", "w"))
        location = '<rsc_location id="l" rsc-pattern="!^x" node="n1" score="1"/>'
        assert not errors(plan_at(replicate(before, cib()), cib(dummy("a"), ticket("c", "a") + location)))
