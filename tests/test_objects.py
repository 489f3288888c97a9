"""The values of objects, as one snapshot tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmfagent.agent import load_schema
from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects.snapshot import SnapshotObjects
from qmfagent.qmf.data import Data

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
<tickets><ticket_state id="T" granted="true" standby="true" last-granted="1700000000" term="3"/>
 <ticket_state id="elsewhere" granted="false"/></tickets></status></cib>
"""

MASTER = CIB.replace(b'<clone id="data-clone">', b'<master id="data-clone">').replace(b"</clone>", b"</master>")


@pytest.fixture
def objects() -> SnapshotObjects:
    return SnapshotObjects("a", Snapshot.parse(CIB), lambda ticket: "automatic" if ticket == "T" else "manual")


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
        "resources": ["base", "vip", "web"],
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
    objects = SnapshotObjects("a", Snapshot.parse(cib), lambda ticket: "manual")
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
    assert objects.node("n1") == {"name": "n1", "site": "a", "id": "1", "online": True, "standby": False}
    assert objects.node("n2") == {"name": "n2", "site": "a", "id": "2", "online": False, "standby": False}
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


def test_the_states_of_a_real_cluster_are_shown() -> None:
    live = Path(__file__).parent / "cib" / "status" / "live.xml"
    objects = SnapshotObjects("a", Snapshot.parse(live.read_bytes()), lambda ticket: "manual")
    states = {i: (v["role"], v["nodes"]) for i in objects.resources() if (v := objects.resource(i))}
    here = ["sitea-n1"]
    assert states["data-clone"] == states["data"] == ("Promoted", here)
    assert states["uniq-clone"] == states["grp"] == ("Started", here)
    assert states["hurt"] == ("Failed", here)
