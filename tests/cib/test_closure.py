"""The closure of a ticket, rule by rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from qmfagent.cib.closure.closure import closure, from_document
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import CibError, UnknownTicket
from tests.cib.helpers import cib, dummy, pairs, replicate, ticket
from tests.cib.strategies import VALIDATE_WITH


def members(snapshot: Snapshot, name: str = "T") -> set[str]:
    """The ids of the closure's members."""
    return set(closure(snapshot, name).lines)


class TestWhereItStarts:
    def test_from_a_single_resource(self) -> None:
        assert members(cib(dummy("a") + dummy("b"), ticket("c", "a"))) == {"a", "c"}

    def test_from_every_constraint_of_the_ticket(self) -> None:
        constraints = ticket("c1", "a") + ticket("c2", "b") + ticket("c3", "x", "other")
        assert members(cib(dummy("a") + dummy("b") + dummy("x"), constraints)) == {"a", "b", "c1", "c2"}

    def test_from_every_set_of_a_constraint(self) -> None:
        sets = (
            '<resource_set id="s1"><resource_ref id="a"/><resource_ref id="b"/></resource_set>'
            '<resource_set id="s2" role="Promoted"><resource_ref id="d"/></resource_set>'
        )
        constraint = f'<rsc_ticket id="c" ticket="T">{sets}</rsc_ticket>'
        assert members(cib("".join(map(dummy, "abdx")), constraint)) == {"a", "b", "d", "c"}

    def test_from_a_set_that_another_constraint_defines(self) -> None:
        lender = '<rsc_order id="o"><resource_set id="s"><resource_ref id="a"/></resource_set></rsc_order>'
        borrower = '<rsc_ticket id="c" ticket="T"><resource_set id-ref="s"/></rsc_ticket>'
        assert members(cib(dummy("a") + dummy("x"), lender + borrower)) == {"a", "c", "o"}

    def test_from_a_role_of_a_clone(self) -> None:
        clone = f'<clone id="k">{dummy("a")}</clone>'
        constraint = '<rsc_ticket id="c" rsc="k" rsc-role="Promoted" ticket="T" loss-policy="demote"/>'
        found = closure(cib(clone, constraint), "T")
        assert set(found.lines) == {"k", "c"}
        assert b'rsc-role="Promoted"' in found.lines["c"]

    def test_from_a_tag(self) -> None:
        tag = '<tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag>'
        assert members(cib("".join(map(dummy, "abx")), ticket("c", "t"), tag)) == {"a", "b", "c", "t"}

    def test_from_a_template_to_everything_made_from_it(self) -> None:
        resources = (
            '<template id="t" class="ocf" provider="pacemaker" type="Dummy"/><primitive id="a" template="t"/>'
            f'<group id="g"><primitive id="b" template="t"/></group>{dummy("x")}'
        )
        assert members(cib(resources, ticket("c", "t"))) == {"t", "a", "g", "c"}

    @pytest.mark.parametrize(
        ("collection", "top"),
        [
            (f'<group id="g">{dummy("before")}{dummy("a")}</group>', "g"),
            (f'<clone id="k">{dummy("a")}</clone>', "k"),
            (f'<master id="m">{dummy("a")}</master>', "m"),
            (f'<clone id="k"><group id="g">{dummy("a")}</group></clone>', "k"),
            (f'<bundle id="b"><podman image="i"/>{dummy("a")}</bundle>', "b"),
        ],
        ids=["group", "clone", "master", "cloned group", "bundle"],
    )
    def test_from_a_part_to_the_whole_collection(self, collection: str, top: str) -> None:
        assert members(cib(collection + dummy("x"), ticket("c", "a"))) == {top, "c"}

    @pytest.mark.parametrize(
        ("resources", "tags", "named"),
        [
            ("", "", "'gone', which is no resource, template or tag"),
            (dummy("a"), '<tag id="gone"><obj_ref id="a"/><obj_ref id="lost"/></tag>', "also refers to 'lost'"),
        ],
        ids=["nothing", "a tag of more than resources"],
    )
    def test_names_what_a_ticket_constraint_cannot_refer_to(self, resources: str, tags: str, named: str) -> None:
        with pytest.raises(CibError, match="ticket constraint c refers to") as caught:
            closure(cib(resources, ticket("c", "gone"), tags), "T")
        assert named in str(caught.value)

    def test_names_a_template_that_does_not_exist(self) -> None:
        with pytest.raises(CibError, match="primitive a is made from template 'gone'"):
            closure(cib('<primitive id="a" template="gone"/>', ticket("c", "a")), "T")

    def test_of_an_unknown_ticket_names_the_known_ones(self) -> None:
        with pytest.raises(UnknownTicket, match="'X'; tickets named here: T, U"):
            closure(cib(dummy("a"), ticket("c", "a") + ticket("d", "a", "U")), "X")

    def test_of_a_ticket_that_was_replicated_before_is_empty(self) -> None:
        here = cib(dummy("a"), "", '<tag id="qmfagent-owned-T"><obj_ref id="a"/></tag>')
        assert closure(here, "T").lines == {}


class TestWhatComesAlong:
    def test_a_template_with_what_is_made_from_it(self) -> None:
        template = '<template id="t" class="ocf" provider="pacemaker" type="Dummy"/>'
        snapshot = cib(f'{template}<clone id="k"><primitive id="a" template="t"/></clone>', ticket("c", "k"))
        assert members(snapshot) == {"t", "k", "c"}

    @pytest.mark.parametrize(
        "constraint",
        [
            '<rsc_colocation id="n" rsc="a" with-rsc="b" score="INFINITY"/>',
            '<rsc_order id="n" first="a" then="b"/>',
            '<rsc_location id="n" rsc="a" node="n1" score="1"/>',
            '<rsc_location id="n" rsc="b"><rule id="r" score="1"><expression id="e" attribute="x"'
            ' operation="defined"/></rule></rsc_location>',
            '<rsc_order id="n"><resource_set id="s"><resource_ref id="a"/><resource_ref id="b"/></resource_set>'
            "</rsc_order>",
            '<rsc_location id="n" rsc-pattern="^[ab]$" node="n1" score="1"/>',
            '<rsc_location id="n" rsc-pattern="!local" node="n1" score="1"/>',
            '<rsc_location id="n" rsc-pattern="^[[:alpha:]]$" node="n1" score="1"/>',
            '<rsc_ticket id="n" rsc="a" ticket="other"/>',
            '<rsc_colocation id="n" rsc="t" with-rsc="a" score="1"/>',
        ],
        ids=[
            "colocation", "order", "location", "location with a rule", "sets", "pattern", "inverted pattern",
            "pattern with a class", "another ticket's", "by a tag",
        ],
    )  # fmt: skip
    def test_a_constraint_all_of_whose_ends_are_inside(self, constraint: str) -> None:
        tag = '<tag id="t"><obj_ref id="b"/></tag>'
        resources = dummy("a") + dummy("b") + dummy("local-1")
        found = closure(cib(resources, ticket("c1", "a") + ticket("c2", "b") + constraint, tag), "T")
        assert set(found.lines) == {"a", "b", "c1", "c2", "n", "t"}
        assert found.boundaries == ()

    @pytest.mark.parametrize(
        ("constraint", "kind", "outside"),
        [
            ('<rsc_colocation id="n" rsc="a" with-rsc="x" score="1"/>', "colocation", ("x",)),
            ('<rsc_order id="n" first="x" then="a"/>', "order", ("x",)),
            ('<rsc_ticket id="n" ticket="other"><resource_set id="s"><resource_ref id="a"/><resource_ref id="x"/>'
             "</resource_set></rsc_ticket>", "ticket", ("x",)),
            ('<rsc_location id="n" rsc-pattern="^." node="n1" score="1"/>', "location", ("x",)),
            ('<rsc_location id="n" rsc-pattern="!^y" node="n1" score="1"/>', "location", ("x",)),
            ('<rsc_order id="n" first="a" then="gone"/>', "order", ("gone",)),
        ],
        ids=["colocation", "order", "another ticket's set", "pattern", "inverted pattern", "missing end"],
    )  # fmt: skip
    def test_not_a_constraint_with_one_end_outside(self, constraint: str, kind: str, outside: tuple[str, ...]) -> None:
        found = closure(cib(dummy("a") + dummy("x"), ticket("c", "a") + constraint), "T")
        assert set(found.lines) == {"a", "c"}
        assert [(b.id, b.kind, b.inside, b.outside) for b in found.boundaries] == [("n", kind, ("a",), outside)]

    def test_not_a_constraint_of_others_alone_nor_a_pattern_that_matches_nothing(self) -> None:
        constraints = (
            '<rsc_order id="n" first="x" then="y"/><rsc_location id="m" rsc-pattern="^z" node="n1" score="1"/>'
            '<rsc_location id="broken" rsc-pattern="(" node="n1" score="1"/>'
        )
        found = closure(cib("".join(map(dummy, "axy")), ticket("c", "a") + constraints), "T")
        assert set(found.lines) == {"a", "c"}
        assert found.boundaries == ()

    def test_a_tag_of_what_is_inside_constraints_included(self) -> None:
        tag = '<tag id="t"><obj_ref id="a"/><obj_ref id="c"/></tag>'
        assert "t" in members(cib(dummy("a"), ticket("c", "a"), tag))

    def test_a_tag_without_its_references_to_what_is_gone(self) -> None:
        found = closure(
            cib(dummy("a"), ticket("c", "a"), '<tag id="t"><obj_ref id="gone"/><obj_ref id="a"/></tag>'), "T"
        )
        assert found.lines["t"] == b'<tag id="t"><obj_ref id="a"></obj_ref></tag>'

    def test_not_a_tag_with_a_reference_outside(self) -> None:
        tag = '<tag id="t"><obj_ref id="x"/><obj_ref id="a"/></tag>'
        found = closure(cib(dummy("a") + dummy("x"), ticket("c", "a"), tag), "T")
        assert "t" not in found.lines
        assert [str(b) for b in found.boundaries] == ["tag t ties a to x, which stays here"]

    def test_not_the_record_of_what_is_owned(self) -> None:
        tag = '<tag id="qmfagent-owned-T"><obj_ref id="a"/></tag><tag id="qmfagent-owned-U"><obj_ref id="a"/></tag>'
        found = closure(cib(dummy("a"), ticket("c", "a"), tag), "T")
        assert set(found.lines) == {"a", "c"}
        assert found.boundaries == ()

    def test_nothing_of_any_other_section(self) -> None:
        more = (
            f"<op_defaults>{pairs('od', 'meta_attributes', timeout='60s')}</op_defaults>"
            f"<rsc_defaults>{pairs('rd', 'meta_attributes', priority='1')}</rsc_defaults>"
            '<fencing-topology><fencing-level id="f" target="n1" index="1" devices="a"/></fencing-topology>'
            '<acls><acl_role id="role"><acl_permission id="p" kind="write" reference="a"/></acl_role></acls>'
            '<alerts><alert id="al" path="/bin/true"/></alerts>'
        )
        found = closure(cib(dummy("a"), ticket("c", "a"), more=more), "T")
        assert found.ids == {"a", "c"}
        assert {str(e.tag) for e in found.document.iterfind("configuration/*")} == {"resources", "constraints", "tags"}


class TestIndependent:
    """Primitives that a constraint on a part of a collection does not hold back."""

    def test_what_stands_before_the_named_part_of_a_group(self) -> None:
        group = f'<group id="g">{dummy("a")}{dummy("b")}{dummy("d")}</group>'
        assert closure(cib(group, ticket("c", "b")), "T").independent == ("a",)

    def test_a_clone_of_which_a_part_is_named(self) -> None:
        assert closure(cib(f'<clone id="k">{dummy("a")}</clone>', ticket("c", "a")), "T").independent == ("a",)

    def test_nothing_where_the_collection_is_named_too(self) -> None:
        group = f'<group id="g">{dummy("a")}{dummy("b")}</group>'
        assert closure(cib(group, ticket("c", "b") + ticket("d", "g")), "T").independent == ()


class TestDigest:
    def test_knows_no_order_of_members_or_attributes_no_comment_and_no_blank(self) -> None:
        one = cib(dummy("a") + dummy("b"), ticket("c", "a") + ticket("d", "b"))
        other = cib(
            '  <!-- remark -->\n<primitive type="Dummy" id="b" provider="pacemaker" class="ocf"/>\n' + dummy("a"),
            ticket("d", "b") + ticket("c", "a"),
        )
        assert closure(one, "T").digest == closure(other, "T").digest

    @pytest.mark.parametrize(
        "resources", [dummy("a", pairs("i", n="2")), f'<group id="g">{dummy("a", pairs("i", n="1"))}</group>']
    )
    def test_tells_a_changed_member(self, resources: str) -> None:
        before = closure(cib(dummy("a", pairs("i", n="1")), ticket("c", "a")), "T")
        assert closure(cib(resources, ticket("c", "a")), "T").digest != before.digest

    def test_knows_nothing_of_what_is_outside(self) -> None:
        before = closure(cib(dummy("a") + dummy("x"), ticket("c", "a")), "T")
        after = closure(cib(dummy("a") + dummy("y"), ticket("c", "a"), status="<node_state/>"), "T")
        assert after.digest == before.digest


class TestRealistic:
    @pytest.mark.pacemaker
    @pytest.mark.parametrize("name", ["ticket-db", "ticket-web", "ticket-report"])
    def test_it_is_valid_on_its_own(self, data: Path, schema: etree.RelaxNG, name: str) -> None:
        found = closure(Snapshot.parse((data / "source.xml").read_bytes()), name)
        schema.assertValid(etree.fromstring(found.as_cib(VALIDATE_WITH)))

    def test_the_database(self, data: Path) -> None:
        found = closure(Snapshot.parse((data / "source.xml").read_bytes()), "ticket-db")
        assert set(found.lines) == {
            "db-clone", "db-vip", "db-with-ticket", "db-vip-with-ticket", "db-vip-with-primary", "db-promote-before-vip",
            "db-off-maintenance", "db-vip-reachable", "database",
        }  # fmt: skip
        assert {b.id for b in found.boundaries} == {"db-before-web", "customer-facing"}
        assert b"not-to-be-replicated" not in found.canonical
        assert b"backup" not in found.canonical


class TestFromDocument:
    """A closure that came from elsewhere is checked to be one."""

    GOOD = (dummy("a"), ticket("c", "a"))

    def read(self, snapshot: Snapshot) -> dict[str, bytes]:
        return from_document("T", etree.tostring(snapshot.to_element())).lines

    def test_takes_what_was_published(self) -> None:
        source = closure(cib(*self.GOOD, '<tag id="t"><obj_ref id="a"/></tag>'), "T")
        again = from_document("T", source.canonical)
        assert again.canonical == source.canonical
        assert again.digest == source.digest

    def test_takes_an_empty_one(self) -> None:
        assert from_document("T", b"<cib><configuration/></cib>").lines == {}

    @pytest.mark.parametrize(
        ("snapshot", "words"),
        [
            (cib(dummy("a") + dummy("x"), GOOD[1]), "holds x, which would not depend on ticket 'T'"),
            (cib(dummy("a"), ticket("c", "a", "U")), "no closure of ticket 'T'"),
            (cib(*GOOD, more='<alerts><alert id="al" path="/x"/></alerts>'), "holds alert in alerts"),
            (cib(*GOOD, more='<acls><acl_role id="r"/></acls>'), "holds acl_role in acls"),
            (cib(dummy("a") + '<op id="o"/>', GOOD[1]), "holds op in resources"),
            (cib(*GOOD, more="<resources/>"), "has a section twice"),
            (cib(dummy("a") + '<primitive type="Dummy"/>', GOOD[1]), "a member without an id"),
            (cib(dummy("a") * 2, GOOD[1]), "two with the same id"),
            (cib(*GOOD, '<tag id="qmfagent-owned-T"><obj_ref id="a"/></tag>'), "kept for the record"),
            (cib(dummy("a", '<meta_attributes id-ref="gone"/>'), GOOD[1]), "'gone', which does not exist"),
            (cib(*GOOD, '<tag id="t"><obj_ref id="a"/><obj_ref id="gone"/></tag>'), "refers to what it does not hold"),
            (cib(dummy("a"), ticket("c", "gone")), "refers to 'gone'"),
        ],
    )
    def test_refuses_anything_else(self, snapshot: Snapshot, words: str) -> None:
        with pytest.raises(CibError) as caught:
            self.read(snapshot)
        assert words in str(caught.value)


class TestTheAgentItself:
    """What runs qmfagent follows a ticket as anything else does, and is never replicated."""

    REPLICATOR = (
        '<clone id="agent"><primitive id="replicator" class="ocf" provider="qmfagent" type="replicator"/></clone>'
        + dummy("agent-ip")
    )
    CONSTRAINTS = (
        '<rsc_ticket id="ct" rsc="agent" rsc-role="Promoted" ticket="T" loss-policy="demote"/>'
        '<rsc_colocation id="cc" rsc="agent" with-rsc="agent-ip"/>'
    )

    def test_it_stays_where_it_is(self) -> None:
        snapshot = cib(self.REPLICATOR + dummy("a"), self.CONSTRAINTS + ticket("c", "a"))
        found = closure(snapshot, "T")
        assert set(found.lines) == {"a", "c"}
        assert found.boundaries == found.independent == ()
        assert members(replicate(snapshot, cib(self.REPLICATOR, self.CONSTRAINTS))) == {"a", "c"}

    def test_it_makes_no_ticket_one_to_replicate(self) -> None:
        snapshot = cib(self.REPLICATOR, self.CONSTRAINTS)
        assert snapshot.references.tickets == []
        with pytest.raises(UnknownTicket):
            closure(snapshot, "T")

    def test_what_ties_the_closure_to_it_is_a_boundary(self) -> None:
        tie = '<rsc_order id="o" first="agent" then="a"/>'
        found = closure(cib(self.REPLICATOR + dummy("a"), self.CONSTRAINTS + ticket("c", "a") + tie), "T")
        assert [boundary.id for boundary in found.boundaries] == ["o"]

    @pytest.mark.parametrize(
        "resources",
        [
            '<template id="t" class="ocf" provider="qmfagent" type="publisher"/><primitive id="p" template="t"/>',
            f'<group id="p">{dummy("x")}<primitive id="y" class="ocf" provider="qmfagent" type="subscriber"/></group>',
        ],
    )
    def test_however_it_is_written(self, resources: str) -> None:
        assert members(cib(resources + dummy("a"), ticket("ct", "p") + ticket("c", "a"))) == {"a", "c"}

    def test_a_constraint_that_names_others_too_is_a_fault(self) -> None:
        sets = '<resource_set id="s"><resource_ref id="agent"/><resource_ref id="a"/></resource_set>'
        snapshot = cib(self.REPLICATOR + dummy("a"), f'<rsc_ticket id="ct" ticket="T">{sets}</rsc_ticket>')
        with pytest.raises(CibError, match=r"ct names 'agent', which runs qmfagent .* constraint of its own"):
            closure(snapshot, "T")

    def test_from_another_site_it_is_not_taken(self) -> None:
        given = cib(self.REPLICATOR + dummy("a"), self.CONSTRAINTS + ticket("c", "a"))
        members_of_it = "".join(given.lines[i].decode() for i in ("a", "agent"))
        text = (
            f"<cib><configuration><resources>{members_of_it}</resources><constraints>{ticket('c', 'a')}</constraints>"
        )
        with pytest.raises(CibError, match="agent, which would not depend on ticket"):
            from_document("T", f"{text}</configuration></cib>".encode())
