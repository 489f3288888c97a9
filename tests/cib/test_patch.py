"""Patchsets, applied as Pacemaker applies them."""

from __future__ import annotations

import pytest
from lxml import etree

from qmfagent.cib import document, patch
from qmfagent.cib.version import Version
from qmfagent.errors import PatchError
from tests.cib.helpers import dummy

ROOT = "/cib/configuration"


def patched(before: str, *changes: str) -> str:
    """What the changes make of a configuration that holds `before` in its resources."""
    root = document.parse_element(f"<configuration><resources>{before}</resources></configuration>".encode())
    diff = document.parse_element(f"<diff>{''.join(changes)}</diff>".encode())
    patch.apply_changes(root, diff.findall("change"), ROOT)
    return "".join(etree.tostring(e).decode() for e in root[0])


def change(operation: str, path: str, inner: str = "", position: str = "") -> str:
    place = f' position="{position}"' if position else ""
    return f'<change operation="{operation}" path="{ROOT}/resources{path}"{place}>{inner}</change>'


def modified(result: str) -> str:
    return f"<change-result>{result}</change-result>"


def test_creations_at_their_positions() -> None:
    assert patched(
        '<a id="1"/>', change("create", "", '<a id="0"/>', "0"), change("create", "", '<a id="2"/>', "2")
    ) == ('<a id="0"/><a id="1"/><a id="2"/>')


def test_creations_wait_for_deletions() -> None:
    assert (
        patched('<a id="1"/>', change("create", "", '<b id="1"/>', "0"), change("delete", "/a[@id='1']"))
        == '<b id="1"/>'
    )


def test_a_position_beyond_the_end_is_the_end() -> None:
    assert patched('<a id="1"/>', change("create", "", '<b id="1"/>', "9")) == '<a id="1"/><b id="1"/>'


def test_modifications_take_the_result_whole() -> None:
    assert patched('<a id="1" x="1" y="2"/>', change("modify", "/a[@id='1']", modified('<a id="1" y="3"/>'))) == (
        '<a id="1" y="3"/>'
    )


def test_moves() -> None:
    assert patched('<a id="1"/><a id="2"/><a id="3"/>', change("move", "/a[@id='3']", position="0")) == (
        '<a id="3"/><a id="1"/><a id="2"/>'
    )


def test_what_is_moved_takes_no_place_until_its_turn() -> None:
    """As crm_diff counts: the creation finds 1 moved away already."""
    assert patched(
        '<a id="1"/><a id="2"/><a id="3"/>',
        change("create", "", '<b id="n"/>', "1"),
        change("move", "/a[@id='1']", position="3"),
    ) == ('<a id="2"/><b id="n"/><a id="3"/><a id="1"/>')


def test_deleting_what_is_not_there_is_no_fault() -> None:
    assert patched('<a id="1"/>', change("delete", "/a[@id='2']")) == '<a id="1"/>'


def test_comments_are_named_by_their_position() -> None:
    assert patched('<!--x--><a id="1"/><!--y-->', change("delete", "/comment", position="2")) == '<!--x--><a id="1"/>'


def test_the_only_child_of_its_tag_is_found_without_an_id() -> None:
    assert patched("<a><b/></a>", change("modify", "/a/b", modified('<b x="1"/>'))) == '<a><b x="1"/></a>'


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (change("modify", "/a[@id='2']", modified("<a/>")), "nothing stands at"),
        (change("modify", "/a[@id='1']"), "no change-result"),
        (change("modify", "/a[@id='1']", "<change-result/>"), "no change-result"),
        (change("create", "/b[@id='1']", "<c/>"), "nothing stands at"),
        (change("create", "", ""), "has no element"),
        (change("create", "", "<a/>", "x"), "no position"),
        (change("create", "", "<a/>", "-1"), "no position"),
        (change("move", "/b", position="0"), "nothing stands at"),
        (change("explode", "/a[@id='1']"), "unknown operation"),
        (change("delete", "/a[@id='1' or '1'='1']"), "no path of Pacemaker's"),
        (change("delete", "/*"), "no path of Pacemaker's"),
        (change("delete", "//a"), "no path of Pacemaker's"),
        (change("delete", "/.."), "no path of Pacemaker's"),
        (change("delete", "/a"), "can mean any of 2 elements"),
        (f'<change operation="delete" path="{ROOT}"/>', "nothing stands at"),
        (f'<change path="{ROOT}/resources"/>', "unknown operation"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: str, fault: str) -> None:
    with pytest.raises(PatchError, match=fault):
        patched('<a id="1"/><a id="3"/>', wrong)


@pytest.mark.parametrize(
    "text",
    [
        "<diff/>",
        '<diff format="1"/>',
        '<diff format="2"/>',
        '<diff format="2"><version><source/></version></diff>',
        "<x/>",
    ],
)
def test_a_diff_without_format_or_versions_is_refused(text: str) -> None:
    with pytest.raises(PatchError):
        patch.versions(document.parse_element(text.encode()), Version(0, 0, 0))


def test_what_a_source_does_not_name_is_as_it_is() -> None:
    text = b'<diff format="2"><version><source epoch="5"/><target epoch="6"/></version></diff>'
    assert patch.versions(document.parse_element(text), Version(2, 5, 9)) == (Version(2, 5, 9), Version(0, 6, 0))


def test_the_members_that_changes_touch() -> None:
    diff = document.parse_element(
        (
            "<diff>"
            + change("modify", "/primitive[@id='p']/operations", modified("<operations/>"))
            + change("create", "", dummy("q"), "0")
            + f'<change operation="create" path="{ROOT}"><tags><tag id="k"/></tags></change>'
            + f'<change operation="modify" path="{ROOT}/crm_config/x[@id=\'y\']"/>'
            + "</diff>"
        ).encode()
    )
    assert patch.touched_members(diff.findall("change")) == {"p", "q", "k"}
    whole = document.parse_element(f'<diff><change operation="delete" path="{ROOT}/tags"/></diff>'.encode())
    assert patch.touched_members(whole.findall("change")) is None
