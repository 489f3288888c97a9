"""Snapshots brought forward by patchsets know what parsed ones know."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import PatchError
from tests.cib.helpers import assert_equal, cib, dummy, pairs, ticket
from tests.cib.strategies import cibs

BASE = cib(
    dummy("p", pairs("i", a="1")) + dummy("q", '<instance_attributes id-ref="i"/>'),
    ticket("t", "p") + ticket("u", "q", "U"),
    '<tag id="k"><obj_ref id="p"/></tag><tag id="qmfagent-owned-T"><obj_ref id="p"/><obj_ref id="t"/></tag>',
    status='<tickets><ticket_state id="T" granted="true"/></tickets>',
)
P = "/cib/configuration/resources/primitive[@id='p']"


def diff(*changes: str, source: str = 'admin_epoch="0" epoch="5" num_updates="3"') -> etree._Element:
    target = 'admin_epoch="0" epoch="6" num_updates="0"'
    return document.parse_element(
        f'<diff format="2"><version><source {source}/><target {target}/></version>{"".join(changes)}</diff>'.encode()
    )


def known(snapshot: Snapshot) -> Snapshot:
    """A snapshot of the same that has worked everything out already."""
    fresh = Snapshot.parse(etree.tostring(snapshot.to_element()))
    _ = fresh.lines, fresh.ids, fresh.config_digest, fresh.references, fresh.tickets
    for name in fresh.references.tickets:
        closure(fresh, name)
        owned_ids(fresh, name)
    return fresh


def value(new: str) -> str:
    return (
        f"<change operation=\"modify\" path=\"{P}/instance_attributes[@id='i']/nvpair[@id='i-a']\"><change-list>"
        f'<change-attr name="value" operation="set" value="{new}"/></change-list>'
        f'<change-result><nvpair id="i-a" name="a" value="{new}"/></change-result></change>'
    )


@pytest.mark.parametrize(
    "changes",
    [
        [value("2")],
        [f'<change operation="delete" path="{P}/instance_attributes[@id=\'i\']/nvpair[@id=\'i-a\']"/>'],
        [f'<change operation="create" path="/cib/configuration/resources" position="0">{dummy("n")}</change>'],
        ["<change operation=\"move\" path=\"/cib/configuration/resources/primitive[@id='q']\" position=\"0\"/>"],
        ['<change operation="delete" path="/cib/configuration/tags"/>'],
        ["<change operation=\"delete\" path=\"/cib/configuration/tags/tag[@id='qmfagent-owned-T']/obj_ref[@id='p']\"/>"],
        ["<change operation=\"delete\" path=\"/cib/configuration/constraints/rsc_ticket[@id='u']\"/>"],
        [f'<change operation="create" path="/cib/configuration/constraints">{ticket("n", "q")}</change>'],
        ['<change operation="create" path="/cib/configuration"><op_defaults/></change>'],
        ["<change operation=\"modify\" path=\"/cib/status/tickets/ticket_state[@id='T']\"><change-list/>"
         '<change-result><ticket_state id="T" granted="false"/></change-result></change>'],
        ['<change operation="create" path="/cib/status"><node_state id="1"/></change>'],
        [value("2"), '<change operation="create" path="/cib/status"><node_state id="1"/></change>'],
        ['<change operation="modify" path="/cib"><change-list/><change-result>'
         '<cib admin_epoch="0" epoch="6" num_updates="0" validate-with="pacemaker-3.9" x="y"/></change-result></change>'],
        [],
    ],
)  # fmt: skip
def test_bringing_forward_is_as_good_as_parsing(changes: list[str]) -> None:
    after = known(BASE).advance(diff(*changes))
    assert_equal(after, Snapshot.parse(etree.tostring(after.to_element())))
    assert after.head == Snapshot.parse(etree.tostring(after.to_element())).head


def test_a_value_that_another_member_borrows_changes_that_one_too() -> None:
    after = known(BASE).advance(diff(value("2")))
    assert b'name="a" value="2"' in closure(after, "U").lines["q"]


def test_the_earlier_snapshot_stays_as_it_is() -> None:
    before = known(BASE)
    digest, lines = before.config_digest, dict(before.lines)
    before.advance(diff(value("2"), f'<change operation="delete" path="{P}"/>'))
    assert document.canonical(before.configuration) == document.canonical(BASE.configuration)
    assert (before.config_digest, before.lines) == (digest, lines)


def test_a_change_of_the_status_alone_leaves_the_configuration_shared() -> None:
    before = known(BASE)
    after = before.advance(diff('<change operation="create" path="/cib/status"><node_state id="1"/></change>'))
    assert after.configuration is before.configuration
    assert after.config_digest == before.config_digest


@pytest.mark.parametrize(
    ("patchset", "fault"),
    [
        (diff(source='admin_epoch="0" epoch="5" num_updates="2"'), "does not fit"),
        (diff(source='admin_epoch="0" epoch="4"'), "does not fit"),
        (document.parse_element(b"<diff/>"), "format"),
        (diff('<change operation="modify" path="/cib"/>'), "no change-result"),
        (diff('<change operation="delete" path="/cib/configuration"/>'), "nothing stands at"),
        (diff('<change operation="delete" path="/cib/status"/>'), "nothing stands at"),
        (diff('<change operation="delete" path="/cib/configuration/resources/primitive"/>'), "can mean any of 2"),
    ],
)
def test_what_does_not_fit_is_refused(patchset: etree._Element, fault: str) -> None:
    with pytest.raises(PatchError, match=fault):
        known(BASE).advance(patchset)


@settings(max_examples=80, deadline=None)
@given(cibs(), st.data())
def test_any_value_that_changes(cib_element: etree._Element, data: st.DataObject) -> None:
    """The way around the walk through all members gives what the walk would have given."""
    snapshot = known(Snapshot.of(cib_element))
    found = snapshot.configuration.xpath("//nvpair[@value]")
    for pair in data.draw(st.lists(st.sampled_from(found), max_size=3)) if found else []:
        changed = etree.fromstring(etree.tostring(pair))
        changed.set("value", data.draw(st.sampled_from(["1", "9"])))
        source, target = snapshot.version, snapshot.version.after_configuration_change()
        patchset = etree.Element("diff", format="2")
        version = etree.SubElement(patchset, "version")
        etree.SubElement(version, "source", source.attributes())
        etree.SubElement(version, "target", target.attributes())
        change = etree.SubElement(patchset, "change", operation="modify", path=document.element_path(pair))
        etree.SubElement(etree.SubElement(change, "change-list"), "change-attr", name="value", operation="set")
        etree.SubElement(change, "change-result").append(changed)
        snapshot = snapshot.advance(patchset)
    assert_equal(snapshot, Snapshot.parse(etree.tostring(snapshot.to_element())))


def test_the_digest_follows_the_configuration_alone() -> None:
    assert BASE.config_digest == known(BASE).config_digest
    assert cib(status="<node_state id='1'/>").config_digest == cib().config_digest
    assert cib(dummy("p")).config_digest != cib().config_digest


def test_it_tells_whether_the_configuration_is_the_same() -> None:
    def diff(target: str, change: str) -> etree._Element:
        return etree.fromstring(
            f'<diff format="2"><version><source/><target {target}/></version>'
            f'<change operation="modify" {change}</change></diff>'
        )

    before = Snapshot.parse(
        b'<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><resources><primitive id="a" type="Dummy">'
        b'<meta_attributes id="m"><nvpair id="n" name="x" value="1"/></meta_attributes></primitive></resources>'
        b'</configuration><status><tickets id="t"/></status></cib>'
    )
    assert before.lines
    value = "/cib/configuration/resources/primitive[@id='a']/meta_attributes[@id='m']/nvpair[@id='n']"
    changed = before.advance(
        diff(
            'epoch="2" num_updates="0"',
            f'path="{value}"><change-list><change-attr name="value" operation="set" value="2"/></change-list>'
            '<change-result><nvpair id="n" name="x" value="2"/></change-result>',
        )
    )
    status = 'path="/cib/status/tickets"><change-list/><change-result><tickets id="t" y="z"/></change-result>'
    later = changed.advance(diff('epoch="2" num_updates="1"', status))
    assert later.same_configuration(changed)
    assert not changed.same_configuration(before)
    assert not later.same_configuration(before)
