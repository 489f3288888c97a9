"""The values of objects, as one snapshot tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects.snapshot import SnapshotObjects
from qmfagent.qmf.data import Data
from tests.cib import test_status as status
from tests.cib.monitor import crm_mon
from tests.following import following

CIB = b"""
<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="5" num_updates="0"><configuration><crm_config/>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources>
  <template id="base" class="ocf" provider="heartbeat" type="IPaddr2"/>
  <primitive id="vip" template="base"/>
  <group id="web"><primitive id="web-1" class="ocf" provider="pacemaker" type="Dummy"/>
    <primitive id="web-2" class="systemd" type="nginx"/></group>
  <clone id="data-clone"><meta_attributes id="dm"><nvpair id="dp" name="promotable" value="true"/></meta_attributes>
    <primitive id="data" class="ocf" provider="pacemaker" type="Stateful"/></clone>
  <primitive id="local" class="ocf" provider="pacemaker" type="Dummy"/>
</resources>
<constraints>
  <rsc_ticket id="t-vip" rsc="vip" ticket="T"/><rsc_ticket id="t-web" rsc="web" ticket="T"/>
  <rsc_ticket id="u-web" rsc="web" ticket="U"/>
  <rsc_ticket id="t-broken" rsc="gone" ticket="broken"/>
  <rsc_order id="order" first="vip" then="web"/><rsc_location id="where" rsc="local" node="n1" score="1"/>
</constraints>
<tags><tag id="qmfagent-owned-T"><obj_ref id="vip"/><obj_ref id="t-vip"/></tag></tags>
</configuration><status>
<node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member"><lrm id="1"><lrm_resources>
 <lrm_resource id="vip"><lrm_rsc_op id="v" operation="start" call-id="1" rc-code="0" op-status="0"/></lrm_resource>
 <lrm_resource id="web-1"><lrm_rsc_op id="w" operation="start" call-id="2" rc-code="0" op-status="0"/></lrm_resource>
 <lrm_resource id="web-2"><lrm_rsc_op id="x" operation="stop" call-id="3" rc-code="0" op-status="0"/></lrm_resource>
 <lrm_resource id="data"><lrm_rsc_op id="d" operation="start" call-id="4" rc-code="0" op-status="0"/></lrm_resource>
</lrm_resources></lrm></node_state>
<tickets><ticket_state id="T" granted="true" standby="true" last-granted="1700000000" term="3"
  owner="1234" expires="1800000000" booth-cfg-name="geo"/>
 <ticket_state id="elsewhere" granted="false"/></tickets></status></cib>
"""

MASTER = CIB.replace(b'<clone id="data-clone">', b'<master id="data-clone">').replace(b"</clone>", b"</master>")


def _followed(ticket: str) -> dict[str, Any]:
    more = {"mode": "automatic", "on_drift": "heal", "paused": True, "pinned": 7, "next_run": 1_800_000_000}
    return {**following(ticket), **more} if ticket in ("T", "known") else following(ticket)


@pytest.fixture
def objects() -> SnapshotObjects:
    return SnapshotObjects("a", Snapshot.parse(CIB), _followed)


def test_every_object_fits_the_schema(objects: SnapshotObjects) -> None:
    schema = load_schema()
    every = {
        "Ticket": [objects.ticket(name) for name in objects.tickets()],
        "Resource": [objects.resource(name) for name in objects.resources()],
        "Node": [objects.node(name) for name in objects.nodes()],
        "Constraint": [objects.constraint(name) for name in objects.constraints()],
    }
    for class_name, found in every.items():
        assert found
        for values in found:
            assert values is not None
            Data.of(schema.object_class(class_name), f"{class_name}:x", values)


def test_a_ticket(objects: SnapshotObjects) -> None:
    values = objects.ticket("T")
    assert len(values.pop("digest")) == 64
    assert values == {
        "name": "T",
        "site": "a",
        "granted": True,
        "standby": True,
        "last_granted": 1_700_000_000_000_000_000,
        "term": "3.1700000000",
        "mode": "automatic",
        "on_drift": "heal",
        "paused": True,
        "pinned": 7,
        "next_run": 0,
        "drilled_at": 0,
        "drill_failures": 0,
        "resources": ["base", "vip", "web"],
        "booth": "geo",
        "owner": "1234",
        "expires": 1_800_000_000_000_000_000,
    }
    assert objects.held == {"T"}


def test_tickets_of_constraints_and_status_are_known(objects: SnapshotObjects) -> None:
    assert list(objects.tickets()) == ["T", "U", "broken", "elsewhere"]
    assert [objects.knows_ticket(name) for name in ("U", "elsewhere", "nowhere")] == [True, True, False]
    unknown = objects.ticket("nowhere")
    assert (unknown["granted"], unknown["resources"], unknown["digest"], unknown["mode"]) == (False, [], "", "manual")


def test_a_ticket_with_a_broken_closure_has_no_digest(objects: SnapshotObjects) -> None:
    assert (objects.ticket("broken")["digest"], objects.ticket("broken")["resources"]) == ("", [])
    assert objects.ticket("T")["digest"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("base", ("template", "ocf:heartbeat:IPaddr2", "", ["T"], False, "", [])),
        ("vip", ("primitive", "", "", ["T"], True, "Started", ["n1"])),
        ("web", ("group", "", "", ["T", "U"], False, "", ["n1"])),
        ("web-1", ("primitive", "ocf:pacemaker:Dummy", "web", ["T", "U"], False, "Started", ["n1"])),
        ("web-2", ("primitive", "systemd:nginx", "web", ["T", "U"], False, "Stopped", [])),
        ("data-clone", ("clone", "", "", [], False, "Unpromoted", ["n1"])),
        ("data", ("primitive", "ocf:pacemaker:Stateful", "data-clone", [], False, "Unpromoted", ["n1"])),
        ("local", ("primitive", "ocf:pacemaker:Dummy", "", [], False, "", [])),
    ],
)
@pytest.mark.parametrize("cib", [CIB, MASTER], ids=["clone", "master"])
def test_a_resource(cib: bytes, name: str, expected: tuple[object, ...]) -> None:
    objects = SnapshotObjects("a", Snapshot.parse(cib), following)
    values = objects.resource(name)
    assert values is not None
    keys = ("kind", "agent", "parent", "tickets", "owned", "role", "nodes")
    assert tuple(values[key] for key in keys) == expected
    assert (values["id"], values["site"]) == (name, "a")


def test_there_are_no_others(objects: SnapshotObjects) -> None:
    assert [objects.resource(name) for name in ("gone", "t-vip", "")] == [None] * 3
    assert [objects.is_resource(name) for name in ("web-1", "base", "t-vip")] == [True, True, False]
    assert objects.node("n3") is None
    assert objects.constraint("vip") is None


def test_nodes_and_constraints(objects: SnapshotObjects) -> None:
    first = {"name": "n1", "site": "a", "id": "1", "online": True, "standby": False, "maintenance": False}
    assert objects.node("n1") == first
    assert objects.node("n2") == {**first, "name": "n2", "id": "2", "online": False}
    order = objects.constraint("order")
    assert order == {
        "id": "order",
        "site": "a",
        "kind": "order",
        "resources": ["vip", "web"],
        "ticket": "",
        "tickets": ["T"],
        "owned": False,
    }
    ticket = objects.constraint("t-vip")
    assert ticket is not None
    assert (ticket["kind"], ticket["ticket"], ticket["owned"]) == ("ticket", "T", True)


def troubles(data: bytes) -> dict[str, tuple[bool, int, str]]:
    """Of every resource, whether it is managed, how often it has failed, and what is under way."""
    objects = SnapshotObjects("a", Snapshot.parse(data), following)
    found = {i: objects.resource(i) for i in objects.resources()}
    return {i: (v["managed"], v["failures"], v["pending"]) for i, v in found.items() if v is not None}


def with_counts(**counts: str) -> bytes:
    pairs = "".join(f'<nvpair id="f{i}" name="fail-count-{i}#start_0" value="{v}"/>' for i, v in counts.items())
    attributes = f'<transient_attributes id="1"><instance_attributes id="s">{pairs}</instance_attributes>'
    return CIB.replace(b'<lrm id="1">', f'{attributes}</transient_attributes><lrm id="1">'.encode())


def test_a_collection_has_failed_as_often_as_its_parts() -> None:
    found = troubles(with_counts(**{"web-1": "2", "web-2": "3", "data": "INFINITY", "vip": "1"}))
    assert {i: failures for i, (_, failures, _) in found.items() if failures} == {
        "web-1": 2,
        "web-2": 3,
        "web": 5,
        "data": 1_000_000,
        "data-clone": 1_000_000,
        "vip": 1,
    }
    infinite = troubles(with_counts(**{"web-1": "INFINITY", "web-2": "INFINITY"}))
    assert infinite["web"][1] == 1_000_000


def test_what_is_under_way_is_told_of_primitives() -> None:
    stopping = CIB.replace(b'id="x" operation="stop" call-id="3" rc-code="0" op-status="0"',
                           b'id="x" operation="stop" call-id="3" rc-code="193" op-status="-1"')  # fmt: skip
    assert {i: pending for i, (_, _, pending) in troubles(stopping).items() if pending} == {"web-2": "Stopping"}


@pytest.mark.parametrize(
    ("old", "new", "unmanaged"),
    [
        ("", "", set()),
        (
            '<group id="web">',
            '<group id="web"><meta_attributes id="m"><nvpair id="n" name="is-managed" value="false"/></meta_attributes>',
            {"web", "web-1", "web-2"},
        ),
        (
            '<node id="1" uname="n1"/>',
            '<node id="1" uname="n1"><instance_attributes id="i"><nvpair id="n" name="maintenance" value="true"/>'
            "</instance_attributes></node>",
            {"vip", "web-1", "data"},
        ),
        (
            "<crm_config/>",
            '<crm_config><cluster_property_set id="o"><nvpair id="n" name="maintenance-mode" value="true"/>'
            "</cluster_property_set></crm_config>",
            {"vip", "web", "web-1", "web-2", "data-clone", "data", "local"},
        ),
    ],
)
def test_what_is_not_managed(old: str, new: str, unmanaged: set[str]) -> None:
    found = troubles(CIB.replace(old.encode(), new.encode()) if old else CIB)
    assert {i for i, (managed, _, _) in found.items() if not managed} == unmanaged


@pytest.mark.pacemaker
@pytest.mark.usefixtures("pacemaker_tools")
@pytest.mark.parametrize("nodes", [(), ("1",), ("2",), ("1", "2")])
def test_on_nodes_in_maintenance_nothing_is_managed_as_crm_mon_says(tmp_path: Path, nodes: tuple[str, ...]) -> None:
    text = status.cib(status.START).decode()
    for node in nodes:
        attributes = f'<instance_attributes id="i{node}"><nvpair id="m{node}" name="maintenance" value="true"/>'
        plain = f'<node id="{node}" uname="n{node}"/>'
        assert plain in text
        text = text.replace(plain, f"{plain[:-2]}>{attributes}</instance_attributes></node>")
    (shown,) = crm_mon(tmp_path, text.encode()).iterfind("resources/resource")
    assert troubles(text.encode())["r"][0] == (shown.get("managed") == "true")


def test_the_states_of_a_real_cluster_are_shown() -> None:
    live = Path(__file__).parent / "cib" / "status" / "live.xml"
    objects = SnapshotObjects("a", Snapshot.parse(live.read_bytes()), following)
    states = {i: (v["role"], v["nodes"]) for i in objects.resources() if (v := objects.resource(i))}
    here = ["sitea-n1"]
    assert states["data-clone"] == states["data"] == ("Promoted", here)
    assert states["uniq-clone"] == states["grp"] == ("Started", here)
    assert states["hurt"] == ("Failed", here)
