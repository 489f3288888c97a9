"""The semantic difference of members, and the patchset made of it."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib import patch
from qmfagent.cib.document import parse_element
from qmfagent.cib.plans.difference import Change, compare_members, creation, deletion, member_changes, to_patchset
from qmfagent.cib.version import Version
from tests.cib.helpers import dummy, normal, pairs

PATH = "/m"


def changes(old: str, new: str) -> list[Change] | None:
    """The changes from one member to another, both as text."""
    return member_changes(parse_element(old.encode()), parse_element(new.encode()), PATH)


def operations(old: str, new: str) -> list[tuple[str, str, str]] | None:
    """Their operations, kinds and ids."""
    found = changes(old, new)
    return None if found is None else [(c.operation, c.kind, c.id) for c in found]


def patched(old: str, found: list[Change]) -> bytes:
    """The old member after the changes, in its normal form."""
    root = parse_element(old.encode())
    patchset = parse_element(to_patchset(found, Version(0, 1, 0)))
    patch.apply_changes(root, patchset.findall("change"), PATH)
    return normal(root)


def nvset(*names: str) -> str:
    """A resource with nvpairs in this order."""
    return dummy("a", f'<instance_attributes id="i">{"".join(map(_pair, names))}</instance_attributes>')


def _pair(name: str) -> str:
    return f'<nvpair id="{name}" name="{name}" value="1"/>'


def group(*names: str, extra: str = "") -> str:
    """A group of primitives in this order."""
    return f'<group id="g">{extra}{"".join(map(dummy, names))}</group>'


def resource_set(*names: str) -> str:
    """A constraint with one set of resources in this order."""
    inner = "".join(f'<resource_ref id="{name}"/>' for name in names)
    return f'<rsc_order id="o"><resource_set id="s">{inner}</resource_set></rsc_order>'


def rule(*names: str) -> str:
    """A location with one rule, its expressions in this order."""
    inner = "".join(f'<expression id="{name}" attribute="x" operation="defined"/>' for name in names)
    return f'<rsc_location id="l" rsc="a"><rule id="r" score="1">{inner}</rule></rsc_location>'


class TestNothing:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('<primitive id="a" class="ocf" type="x"/>', '<primitive type="x" class="ocf" id="a"/>'),
            (nvset("x", "y"), nvset("y", "x")),
            (
                '<tag id="t"><obj_ref id="a"/><obj_ref id="b"/></tag>',
                '<tag id="t"><obj_ref id="b"/><obj_ref id="a"/></tag>',
            ),
            (group("a", extra="<!-- one -->"), group("a", extra="<!-- two -->")),
            ("<group id='g'>\n  <primitive id='a'/>\n</group>", "<group id='g'><primitive id='a'/></group>"),
        ],
        ids=["order of attributes", "order of nvpairs", "order in a tag", "comments", "blanks"],
    )
    def test_where_nothing_differs_for_pacemaker(self, old: str, new: str) -> None:
        assert operations(old, new) == []


class TestOrder:
    @pytest.mark.parametrize(
        ("old", "new", "moved"),
        [
            (group("a", "b", "c"), group("c", "a", "b"), ("primitive", "c")),
            (resource_set("a", "b", "c"), resource_set("c", "a", "b"), ("resource_ref", "c")),
            (rule("a", "b", "c"), rule("c", "a", "b"), ("expression", "c")),
        ],
        ids=["group", "set", "rule"],
    )
    def test_matters_and_takes_one_move(self, old: str, new: str, moved: tuple[str, str]) -> None:
        assert operations(old, new) == [("move", *moved)]
        found = changes(old, new)
        assert found is not None
        assert found[0].position == 0
        assert patched(old, found) == normal(new.encode())

    def test_of_nvsets_in_a_resource_matters(self) -> None:
        """The first that holds a value wins."""
        one, other = pairs("i", n="1"), pairs("j", n="2")
        assert operations(dummy("a", one + other), dummy("a", other + one)) == [("move", "instance_attributes", "j")]

    def test_positions_count_comments(self) -> None:
        old = '<group id="g"><!-- x --><primitive id="a"/><!-- y --><primitive id="b"/></group>'
        new = '<group id="g"><primitive id="a"/><primitive id="n"/><primitive id="b"/></group>'
        found = changes(old, new)
        assert found is not None
        assert [(c.operation, c.id, c.position) for c in found] == [("create", "n", 3)]
        root = parse_element(old.encode())
        patch.apply_changes(root, parse_element(to_patchset(found, Version(0, 1, 0))).findall("change"), PATH)
        assert [e.get("id") or e.text for e in root.xpath("node()")] == [" x ", "a", " y ", "n", "b"]

    @pytest.mark.parametrize("after", ["bca", "cba", "axbyc", "xcb", "x", "cxa", "bxyac"])
    def test_any_new_order_is_reached(self, after: str) -> None:
        found = changes(group(*"abc"), group(*after))
        assert found is not None
        assert patched(group(*"abc"), found) == normal(group(*after).encode())


class TestAttributes:
    def test_set_changed_and_unset(self) -> None:
        found = changes(
            '<op id="o" name="start" timeout="1s" role="x"/>', '<op id="o" name="start" timeout="2s" record="y"/>'
        )
        assert found is not None
        (change,) = found
        assert [(a.name, a.old, a.new) for a in change.attributes] == [
            ("record", None, "y"),
            ("role", "x", None),
            ("timeout", "1s", "2s"),
        ]
        assert change.path == PATH
        assert change.content == b'<op id="o" name="start" record="y" timeout="2s"></op>'

    def test_an_empty_value_is_a_value(self) -> None:
        found = changes('<op id="o" timeout="1s"/>', '<op id="o" timeout=""/>')
        assert found is not None
        assert b'name="timeout" operation="set" value=""' in to_patchset(found, Version(0, 1, 0))

    def test_values_that_need_escapes(self) -> None:
        old, new = dummy("a", pairs("i", n="1")), dummy("a", pairs("i", n="&lt;&amp;&quot;&#10;ä"))
        found = changes(old, new)
        assert found is not None
        assert patched(old, found) == normal(new.encode())


class TestParts:
    def test_a_part_with_an_id_is_created_and_deleted_by_itself(self) -> None:
        assert operations(nvset("x"), nvset("y")) == [("delete", "nvpair", "x"), ("create", "nvpair", "y")]

    def test_a_deletion_comes_before_a_creation_elsewhere_with_the_same_id(self) -> None:
        old = dummy("a", pairs("i", n="1") + '<operations id="o"/>')
        new = dummy("a", '<operations id="o"><op id="i" name="start" interval="0s"/></operations>')
        found = operations(old, new)
        assert found is not None
        assert sorted(found) == [("create", "op", "i"), ("delete", "instance_attributes", "i")]

    def test_the_only_one_of_its_tag_needs_no_id(self) -> None:
        bundle = '<bundle id="b"><podman image="{}"/></bundle>'
        found = changes(bundle.format("one"), bundle.format("two"))
        assert found is not None
        assert [(c.operation, c.path) for c in found] == [("modify", f"{PATH}/podman")]

    def test_what_no_path_can_name_is_replaced_with_what_holds_it(self) -> None:
        member = (
            '<bundle id="b"><podman image="i"/><storage>{}<storage-mapping source-dir="/x" target-dir="/x"/></storage>'
            "</bundle>"
        )
        old = member.format('<storage-mapping source-dir="/a" target-dir="/a"/>')
        new = member.format('<storage-mapping source-dir="/b" target-dir="/b"/>')
        assert operations(old, new) == [("delete", "storage", ""), ("create", "storage", "")]
        found = changes(old, new)
        assert found is not None
        assert patched(old, found) == normal(new.encode())

    def test_the_whole_member_where_its_own_parts_have_no_name(self) -> None:
        member = '<primitive id="a"><meta_attributes id-ref="{}"/><meta_attributes id-ref="y"/></primitive>'
        assert operations(member.format("x"), member.format("z")) is None

    @pytest.mark.parametrize("tag", ["group", "clone"])
    def test_the_whole_member_where_it_became_another_kind(self, tag: str) -> None:
        assert changes(dummy("a"), f'<{tag} id="a"/>') is None


class TestMembers:
    def test_compare_names_what_came_what_went_and_what_changed(self) -> None:
        old = {"same": b"1", "changed": b"1", "gone": b"1"}
        new = {"same": b"1", "changed": b"2", "new": b"1"}
        assert compare_members(old, new) == [("changed", b"1", b"2"), ("gone", b"1", b""), ("new", b"", b"1")]

    def test_creation_and_deletion(self) -> None:
        element = parse_element(dummy("a").encode())
        made, gone = creation(element, "/p", 4, "a"), deletion(element, "/p/primitive[@id='a']", "a")
        assert (made.operation, made.path, made.position, made.id) == ("create", "/p", 4, "a")
        assert (gone.operation, gone.path, gone.position) == ("delete", "/p/primitive[@id='a']", -1)
        assert made.content == gone.content


class TestPatchset:
    FOUND = (
        Change("delete", "primitive", "x", "x", "/cib/configuration/resources/primitive[@id='x']"),
        Change("create", "primitive", "a", "a", "/cib/configuration/resources", 0, content=b'<primitive id="a"/>'),
        Change("move", "primitive", "b", "g", "/cib/configuration/resources/group[@id='g']/primitive[@id='b']", 2),
    )

    def test_has_pacemakers_form(self) -> None:
        assert etree.tostring(etree.fromstring(to_patchset(self.FOUND, Version(1, 2, 3))), method="c14n") == (
            b'<diff format="2"><version><source admin_epoch="1" epoch="2"></source>'
            b'<target admin_epoch="1" epoch="3" num_updates="0"></target></version>'
            b'<change operation="delete" path="/cib/configuration/resources/primitive[@id=\'x\']"></change>'
            b'<change operation="create" path="/cib/configuration/resources" position="0"><primitive id="a"></primitive>'
            b'</change><change operation="move"'
            b" path=\"/cib/configuration/resources/group[@id='g']/primitive[@id='b']\" position=\"2\"></change></diff>"
        )

    def test_a_modification_carries_list_and_result(self) -> None:
        found = changes('<op id="o" a="1" b="1"/>', '<op id="o" b="2"/>')
        assert found is not None
        change = etree.fromstring(to_patchset(found, Version(0, 1, 0))).find("change")
        assert etree.tostring(change, method="c14n") == (
            b'<change operation="modify" path="/m"><change-list><change-attr name="a" operation="unset"></change-attr>'
            b'<change-attr name="b" operation="set" value="2"></change-attr></change-list>'
            b'<change-result><op b="2" id="o"></op></change-result></change>'
        )
