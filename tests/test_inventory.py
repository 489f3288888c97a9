"""The agent's objects by name and by class, and what is left of them while the CIB can't be seen."""

from __future__ import annotations

from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import Disconnected
from qmfagent.objects.inventory import Inventory
from qmfagent.replication.applying.plans import Plans
from qmfagent.replication.following.replica import Replicas
from tests.following import following
from tests.replication.conftest import SOURCE, TARGET

EVENTS = {"journal": "j", "first_event": 1, "last_event": 0}
CLASSES = ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica")


def test_every_class_is_described() -> None:
    assert [each.name for each in load_schema().classes if not each.desc] == []


@pytest.fixture
def replicas() -> Replicas:
    replicas = Replicas()
    replicas.set("T", "b", direction="to", applied_at=3)
    replicas.set("a:b", "b", mode="manual")
    return replicas


@pytest.fixture
def inventory(replicas: Replicas) -> Inventory:
    peers = [{"site": "b", "url": "amqp://b", "connected": True}]
    inventory = Inventory(
        load_schema(),
        "a",
        "file",
        replicas,
        Plans(),
        following,
        lambda: peers,
        lambda: Version(0, 5, 0),
        lambda: EVENTS,
    )
    inventory.renew(Snapshot.parse(SOURCE))
    return inventory


def names(inventory: Inventory, class_name: str) -> list[str]:
    return [data.object_id.object_name for data in inventory.objects(class_name)]


def test_objects_by_class(inventory: Inventory) -> None:
    assert names(inventory, "Site") == ["Site:a"]
    assert names(inventory, "Ticket") == ["Ticket:T", "Ticket:a:b"]
    assert names(inventory, "Resource") == ["Resource:vip", "Resource:web", "Resource:local-a"]
    assert names(inventory, "Constraint") == [f"Constraint:{i}" for i in ("ticket-vip", "ticket-web", "web-with-vip")]
    assert names(inventory, "Replica") == ["Replica:T:b", "Replica:a:b:b"]


def test_each_object_is_found_by_its_name(inventory: Inventory) -> None:
    for class_name in CLASSES:
        for data in inventory.objects(class_name):
            assert inventory.find(data.object_id.object_name) == data


@pytest.mark.parametrize(
    "name",
    ["", "Site", "Site:b", "Ticket:", "Ticket:nowhere", "Resource:", "Replica:T", "Replica:T:c", "Class:x", ":T"],
)
def test_nothing_else_is_found(inventory: Inventory, name: str) -> None:
    assert inventory.find(name) is None


def values(inventory: Inventory, name: str) -> dict[str, Any]:
    found = inventory.find(name)
    assert found is not None
    return dict(found.values)


def test_the_site(inventory: Inventory) -> None:
    site = values(inventory, "Site:a")
    assert (site["cib_version"], site["validate_with"], site["source"]) == ("0.5.0", "pacemaker-3.9", "file")
    assert (site["connected"], site["resources"], site["peers"][0]["site"]) == (True, 3, "b")


def test_a_replica(inventory: Inventory) -> None:
    replica = values(inventory, "Replica:T:b")
    assert (replica["site"], replica["remote"], replica["direction"]) == ("a", "b", "to")
    assert replica["applied_at"] == 3_000_000_000


def test_while_the_cib_is_not_seen_nobody_can_take_anything_for_a_claim(inventory: Inventory) -> None:
    assert inventory.holds("T")
    inventory.lost()
    assert not inventory.holds("T")
    assert inventory.find("Ticket:T") is None
    assert [names(inventory, each) for each in ("Ticket", "Resource", "Node", "Constraint")] == [[]] * 4
    assert names(inventory, "Replica") == ["Replica:T:b", "Replica:a:b:b"]
    site = values(inventory, "Site:a")
    assert (site["connected"], site["cib_version"]) == (False, "0.5.0")
    with pytest.raises(Disconnected):
        inventory.seen()


def test_what_is_seen_again_is_compared_with_what_was_seen_last(inventory: Inventory) -> None:
    before = inventory.seen()
    inventory.lost()
    after = Snapshot.parse(TARGET)
    assert inventory.renew(after)[0] is before
    assert inventory.seen().snapshot is after


def test_before_the_first_snapshot_there_is_the_site_alone(replicas: Replicas) -> None:
    inventory = Inventory(load_schema(), "a", "file", replicas, Plans(), following, list, lambda: None, lambda: EVENTS)
    assert values(inventory, "Site:a")["cib_version"] == ""
    assert names(inventory, "Ticket") == []
    first, same = inventory.renew(Snapshot.parse(SOURCE))
    assert first is same
