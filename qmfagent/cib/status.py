"""What a cluster does with its configuration: nodes and resources, from the CIB's status section.

Rules of this file: it tells what the last operation of each resource on each node left behind, as the history in the CIB
has it. It decides nothing: where the history says nothing, neither does this; an operation that is still under way says
nothing yet. The history of a node that is not online counts only where there is fencing, which will have to deal with it.
Source: Pacemaker Administration, "The status section"; rc-codes of the OCF resource agent API; every case is held against
crm_mon 2.1.5 in tests/cib/test_status.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.truth import is_true

STARTED, STOPPED, PROMOTED, UNPROMOTED, FAILED = "Started", "Stopped", "Promoted", "Unpromoted", "Failed"

_OFFLINE = frozenset({"", "false", "0", "offline", "down"})
_SUCCESS = {
    "start": STARTED,
    "migrate_from": STARTED,
    "migrate_to": STARTED,  # until the stop at the old place that completes it
    "promote": PROMOTED,
    "demote": UNPROMOTED,
    "stop": STOPPED,
}
# What a monitor finds. Running degraded (190, 191) is running.
_FOUND = {"0": STARTED, "190": STARTED, "7": STOPPED, "8": PROMOTED, "191": PROMOTED}
# What a probe may find besides: where a resource is not installed (5), or not configured for (2), it does not run.
_PROBED = {**_FOUND, "2": STOPPED, "5": STOPPED}
_DEGRADED = {"190": "0", "191": "8"}
_PENDING, _CANCELLED = "-1", "1"
# The one that says most about a resource that is in different states on different nodes.
_WEIGHT = {STOPPED: 0, STARTED: 1, UNPROMOTED: 1, PROMOTED: 2, FAILED: 3}


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node of the configuration, and whether it is online and in standby."""

    id: str
    name: str
    online: bool
    standby: bool


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A primitive's role (one of the names above; empty where unknown) and the nodes it is active on."""

    role: str = ""
    nodes: tuple[str, ...] = ()


def node_states(snapshot: Snapshot) -> list[NodeState]:
    """The nodes of the configuration, in its order. One that has not joined, or not yet, is not online."""
    states = _by_id(snapshot)
    return [
        NodeState(
            id=node.get("id", ""),
            name=node.get("uname", ""),
            online=_online(states.get(node.get("id", ""))),
            standby=_standby(node, "instance_attributes")
            or _standby(states.get(node.get("id", "")), "transient_attributes/instance_attributes"),
        )
        for node in snapshot.section("nodes")
    ]


def resource_states(snapshot: Snapshot) -> Mapping[str, ResourceState]:
    """The state of every primitive that the history knows, by id."""
    found: dict[str, ResourceState] = {}
    fencing = _fencing(snapshot)
    for node in _by_id(snapshot).values():
        name = node.get("uname", "")
        if not (fencing or _online(node)):
            continue
        for resource in node.iterfind("lrm/lrm_resources/lrm_resource"):
            role = _last_role(resource)
            if role:
                # Instances of a unique clone are numbered: db:0, db:1.
                identifier = resource.get("id", "").partition(":")[0]
                found[identifier] = _joined(found.get(identifier, ResourceState()), role, name)
    return found


def _by_id(snapshot: Snapshot) -> dict[str, etree._Element]:
    if snapshot.status is None:
        return {}
    return {node.get("id", ""): node for node in snapshot.status.iterfind("node_state")}


def _online(state: etree._Element | None) -> bool:
    if state is None or state.get("in_ccm", "").lower() in _OFFLINE:
        return False
    if is_true(state.get("remote_node", "")):
        return True
    return state.get("crmd", "").lower() not in _OFFLINE and state.get("join") == "member"


def _standby(holder: etree._Element | None, path: str) -> bool:
    pairs = () if holder is None else holder.iterfind(f"{path}/nvpair[@name='standby']")
    return any(is_true(pair.get("value", "")) for pair in pairs)


def _fencing(snapshot: Snapshot) -> bool:
    pair = snapshot.configuration.find("crm_config/cluster_property_set/nvpair[@name='stonith-enabled']")
    return pair is None or is_true(pair.get("value", ""))


def _joined(known: ResourceState, role: str, node: str) -> ResourceState:
    nodes = known.nodes if role == STOPPED else tuple(sorted({*known.nodes, node}))
    heavier = role if not known.role or _WEIGHT[role] > _WEIGHT[known.role] else known.role
    return ResourceState(heavier, nodes)


def _last_role(resource: etree._Element) -> str:
    role = ""
    for operation in sorted(resource.iterfind("lrm_rsc_op"), key=_call_id):
        if operation.get("op-status") not in (_PENDING, _CANCELLED):
            role = _role_after(operation, role)
    return role


def _role_after(operation: etree._Element, before: str) -> str:
    name, code = operation.get("operation", ""), operation.get("rc-code", "")
    if name == "monitor" and operation.get("interval", "0") == "0":
        return _PROBED.get(code, FAILED)
    if _DEGRADED.get(code, code) != _expected(operation):
        return FAILED
    return _FOUND.get(code, FAILED) if name == "monitor" else _SUCCESS.get(name, before)


def _expected(operation: etree._Element) -> str:
    """The code that the cluster expects: the third part of the key "action:transition:code:cluster"."""
    parts = operation.get("transition-key", "").split(":")
    return parts[2] if len(parts) > 3 else "0"


def _call_id(operation: etree._Element) -> int:
    text = operation.get("call-id", "")
    return int(text) if text.isdecimal() else -1
