"""What a cluster does with its configuration: nodes and resources, from the CIB's status section.

Rules of this file: it tells what the last operation of each resource on each node left behind, as the history in the CIB
has it. It decides nothing: where the history says nothing, neither does this; an operation that is still under way says
nothing of a role yet, and is told by itself. The history of a node that is not online counts only where there is fencing, which
will have to deal with it.
Source: Pacemaker Administration, "The status section"; rc-codes of the OCF resource agent API; every case is held against
crm_mon 2.1.5 in tests/cib/test_status.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib.effective import cluster_options, effective
from qmfagent.cib.maintenance import maintenance_mode
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
# What crm_mon calls an operation that is under way (native_pending_state and native_pending_task in lib/pengine/native.c).
_UNDER_WAY = {
    "start": "Starting",
    "stop": "Stopping",
    "migrate_to": "Migrating",
    "migrate_from": "Migrating",
    "promote": "Promoting",
    "demote": "Demoting",
    "monitor": "Monitoring",
}
_pending = etree.XPath("lrm/lrm_resources/lrm_resource/lrm_rsc_op[@op-status='-1']")
# The one that says most about a resource that is in different states on different nodes.
_WEIGHT = {STOPPED: 0, STARTED: 1, UNPROMOTED: 1, PROMOTED: 2, FAILED: 3}


@dataclass(frozen=True, slots=True)
class NodeState:
    """One node of the configuration, and whether it is online, in standby and in maintenance, as the whole cluster may be."""

    id: str
    name: str
    online: bool
    standby: bool
    maintenance: bool


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A primitive's role (one of the names above; empty where unknown) and the nodes it is active on."""

    role: str = ""
    nodes: tuple[str, ...] = ()


def node_states(snapshot: Snapshot) -> list[NodeState]:
    """The nodes of the configuration, in its order. One that has not joined, or not yet, is not online."""
    states, every = _by_id(snapshot), maintenance_mode(snapshot)
    return [_node_state(snapshot, node, states.get(node.get("id", "")), every) for node in snapshot.section("nodes")]


def resource_states(snapshot: Snapshot) -> Mapping[str, ResourceState]:
    """The state of every primitive that the history knows, by id."""
    found: dict[str, ResourceState] = {}
    for node in _that_count(snapshot):
        name = node.get("uname", "")
        for resource in node.iterfind("lrm/lrm_resources/lrm_resource"):
            role = _last_role(resource)
            if role:
                identifier = _identifier(resource)
                found[identifier] = _joined(found.get(identifier, ResourceState()), role, name)
    return found


def under_way(snapshot: Snapshot) -> Mapping[str, str]:
    """The operation that is under way for a primitive, in crm_mon's word (such as Starting), by id; of several, at the first
    node. Primitives without one are left out; probes are, as crm_mon does."""
    found: dict[str, str] = {}
    for node in _that_count(snapshot):
        for operation in _pending(node):
            word = _UNDER_WAY.get(operation.get("operation", ""))
            probe = word == "Monitoring" and operation.get("interval", "0") == "0"
            if word and not probe:
                found.setdefault(_identifier(operation.getparent()), word)
    return found


def _that_count(snapshot: Snapshot) -> Iterator[etree._Element]:
    """The states of the nodes whose history counts."""
    fencing = is_true(cluster_options(snapshot).get("stonith-enabled", "true"))
    return (node for node in _by_id(snapshot).values() if fencing or _online(node))


def _identifier(resource: etree._Element) -> str:
    """The id of the primitive that a history is of. Instances of a unique clone are numbered: db:0, db:1."""
    return resource.get("id", "").partition(":")[0]


def _node_state(snapshot: Snapshot, node: etree._Element, state: etree._Element | None, maintenance: bool) -> NodeState:
    transient = () if state is None else state.iterfind("transient_attributes/instance_attributes")
    attributes = effective(snapshot, node.iterfind("instance_attributes")) | effective(snapshot, transient)
    return NodeState(
        id=node.get("id", ""),
        name=node.get("uname", ""),
        online=_online(state),
        standby=is_true(attributes.get("standby", "")),
        maintenance=maintenance or is_true(attributes.get("maintenance", "")),
    )


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
