"""Which objects have changed between two looks: exactly those whose values differ, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qmfagent.agent import load_schema
from qmfagent.cib.snapshot import Snapshot
from qmfagent.objects.changed import ChangedObjects
from qmfagent.objects.snapshot import SnapshotObjects, Values
from qmfagent.qmf.data import Data
from tests.cib.strategies import cibs, edits
from tests.following import following
from tests.test_objects import CIB

SCHEMA = load_schema()
NOW = 1_795_487_610_000_000_000


class Objects:
    """The objects of the snapshots that a test shows: those that come from the CIB alone."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self.current: SnapshotObjects | None = None
        for snapshot in snapshots:
            self.show(snapshot)

    def show(self, snapshot: Snapshot | None) -> None:
        self.current = snapshot and SnapshotObjects("a", snapshot, following)

    def objects(self, class_name: str) -> Iterable[Data]:
        current = self.current
        if current is None or class_name in ("Site", "Plan", "Replica"):
            return
        names, look_up = {
            "Ticket": (current.tickets(), current.ticket),
            "Resource": (current.resources(), current.resource),
            "Node": (current.nodes(), current.node),
            "Constraint": (current.constraints(), current.constraint),
        }[class_name]
        for name in names:
            yield Data.of(SCHEMA.object_class(class_name), f"{class_name}:{name}", look_up(name))

    def everything(self) -> dict[str, Values]:
        classes = ("Ticket", "Resource", "Node", "Constraint")
        return {data.object_id.object_name: data.values for name in classes for data in self.objects(name)}  # type: ignore[misc]


def told(changed: list[Data]) -> dict[str, Values | None]:
    """What was told, by name: the values now, None for what is gone."""
    result = {data.object_id.object_name: None if data.delete_ts else data.values for data in changed}
    assert len(result) == len(changed)
    assert {data.delete_ts or data.update_ts for data in changed} <= {NOW}
    return result  # type: ignore[return-value]


def difference(before: dict[str, Values], after: dict[str, Values]) -> dict[str, Values | None]:
    new = {name: values for name, values in after.items() if before.get(name) != values}
    return {**new, **dict.fromkeys(before.keys() - after.keys())}


def looked(objects: Objects) -> ChangedObjects:
    changed = ChangedObjects(SCHEMA, objects)  # type: ignore[arg-type]
    assert changed.take(NOW) == []
    return changed


def with_states(cib: etree._Element, rng: Random) -> etree._Element:
    """The CIB with a status in which some primitives are running."""
    status = cib.find("status")
    if status is None:
        status = etree.SubElement(cib, "status")
    status.clear()
    state = {"id": "1", "uname": "n1", "in_ccm": "true", "crmd": "online", "join": "member"}
    node = etree.SubElement(status, "node_state", state)
    resources = etree.SubElement(etree.SubElement(node, "lrm", id="1"), "lrm_resources")
    transient = etree.SubElement(etree.SubElement(node, "transient_attributes", id="1"), "instance_attributes", id="s")
    etree.SubElement(transient, "nvpair", id="m", name="maintenance", value=rng.choice(["true", "false"]))
    for primitive in cib.iterfind(".//resources//primitive"):
        if rng.random() < 0.5 and primitive.get("id"):
            history = etree.SubElement(resources, "lrm_resource", id=primitive.get("id"))
            values = {"id": "o", "operation": rng.choice(["start", "stop"]), "call-id": "1", "rc-code": "0"}
            etree.SubElement(history, "lrm_rsc_op", {**values, "op-status": rng.choice(["0", "0", "-1"])})
            if rng.random() < 0.2:
                pair = {
                    "id": f"f-{primitive.get('id')}",
                    "name": f"fail-count-{primitive.get('id')}#start_0",
                    "value": "1",
                }
                etree.SubElement(transient, "nvpair", pair)
    return cib


def with_maintenance(cib: etree._Element) -> etree._Element:
    """The CIB with meta attributes that say what is managed."""
    for pair in cib.iterfind("configuration//meta_attributes/nvpair[@name]"):
        name = {"n0": "is-managed", "n1": "maintenance"}.get(pair.get("name", ""))
        if name:
            pair.set("name", name)
    return cib


@given(cibs(), st.lists(edits(), max_size=3), st.integers(0, 3), st.booleans())
def test_exactly_what_differs_is_told(
    cib: etree._Element, changes: list[Callable[[etree._Element], etree._Element]], seed: int, same_status: bool
) -> None:
    rng = Random(seed)
    first = with_maintenance(with_states(cib, rng))
    second = etree.fromstring(etree.tostring(first))
    for change in changes:
        second = with_maintenance(change(second))
    if not same_status:
        second = with_states(second, rng)
    objects = Objects(Snapshot.parse(etree.tostring(first)))
    changed, before = looked(objects), objects.everything()
    objects.show(Snapshot.parse(etree.tostring(second)))
    assert told(changed.take(NOW)) == difference(before, objects.everything())
    assert changed.take(NOW) == []


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ('operation="start" call-id="2"', 'operation="stop" call-id="2"', {"Resource:web-1", "Resource:web"}),
        ('operation="start" call-id="4"', 'operation="promote" call-id="4"', {"Resource:data", "Resource:data-clone"}),
        ('standby="true"', 'standby="false"', {"Ticket:T"}),
        ('crmd="online"', 'crmd="offline"', {"Node:n1"}),
        ('id="order" first="vip" then="web"', 'id="order" first="web" then="vip"', {"Constraint:order", "Ticket:T"}),
        ('<obj_ref id="vip"/>', "", {"Resource:vip"}),
        ('type="nginx"', 'type="httpd"', {"Resource:web-2", "Ticket:T", "Ticket:U"}),
        (
            'call-id="3" rc-code="0" op-status="0"',
            'call-id="3" rc-code="193" op-status="-1"',
            {"Resource:web-2"},
        ),
        (
            "<crm_config/>",
            '<crm_config><cluster_property_set id="o"><nvpair id="m" name="maintenance-mode" value="true"/>'
            "</cluster_property_set></crm_config>",
            {f"Resource:{i}" for i in ("vip", "web", "web-1", "web-2", "data-clone", "data", "local")} | {"Node:n1"},
        ),
        (
            "<constraints>",
            '<rsc_defaults><meta_attributes id="m"><nvpair id="n" name="is-managed" value="false"/></meta_attributes>'
            "</rsc_defaults><constraints>",
            {"Resource:web", "Resource:web-1", "Resource:local"},
        ),
        (
            '<template id="base" class="ocf" provider="heartbeat" type="IPaddr2"/>',
            '<template id="base" class="ocf" provider="heartbeat" type="IPaddr2"><meta_attributes id="m">'
            '<nvpair id="n" name="maintenance" value="true"/></meta_attributes></template>',
            {"Resource:vip", "Ticket:T"},
        ),
        ("admin_epoch", "admin_epoch", set()),
    ],
)
def test_what_a_change_concerns(old: str, new: str, names: set[str]) -> None:
    objects = Objects(Snapshot.parse(CIB))
    changed = looked(objects)
    assert old in CIB.decode()
    objects.show(Snapshot.parse(CIB.replace(old.encode(), new.encode())))
    assert names <= told(changed.take(NOW)).keys()


def test_while_the_cib_can_not_be_seen_its_objects_are_gone() -> None:
    objects = Objects(Snapshot.parse(CIB))
    changed, before = looked(objects), objects.everything()
    objects.show(None)
    gone = changed.take(NOW)
    assert told(gone) == dict.fromkeys(before)
    assert {data.object_id.object_name: data.values for data in gone} == before
    objects.show(Snapshot.parse(CIB))
    assert told(changed.take(NOW)) == before


def test_after_forgetting_it_begins_anew() -> None:
    objects = Objects(Snapshot.parse(CIB))
    changed = looked(objects)
    changed.forget()
    objects.show(Snapshot.parse(CIB.replace(b'type="nginx"', b'type="httpd"')))
    assert changed.take(NOW) == []
    objects.show(None)
    assert "Resource:web-2" in told(changed.take(NOW))


def test_that_booth_has_renewed_a_ticket_is_not_told_by_itself() -> None:
    def renewed(expires: int, standby: str) -> Snapshot:
        state = f'<ticket_state id="T" granted="true" expires="{expires}" standby="{standby}"/>'
        return Snapshot.parse(
            f'<cib epoch="1" num_updates="{expires}" admin_epoch="0"><configuration><resources/><constraints/>'
            f"</configuration><status><tickets>{state}</tickets></status></cib>".encode()
        )

    objects = Objects(renewed(1, "false"))
    changed = looked(objects)
    objects.show(renewed(2, "false"))
    assert changed.take(NOW) == []
    objects.show(renewed(3, "true"))
    values = told(changed.take(NOW))["Ticket:T"]
    assert values is not None
    assert (values["standby"], values["expires"]) == (True, 0)
