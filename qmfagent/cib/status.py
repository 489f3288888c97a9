"""What a cluster does with its configuration: nodes and resources, from the CIB's status section.

Rules of this file: it tells what the last operation of each resource on each node left behind, as the history in the CIB
has it. It decides nothing: where the history says nothing, neither does this.
Source: Pacemaker Administration, "The status section"; rc-codes of the OCF resource agent API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from qmfagent.cib.snapshot import Snapshot

STARTED, STOPPED, PROMOTED, UNPROMOTED, FAILED = "Started", "Stopped", "Promoted", "Unpromoted", "Failed"

_OFFLINE = frozenset({"", "false", "0", "offline", "down"})
_TRUE = frozenset({"true", "on", "yes", "1"})
_SUCCESS = {
    "start": STARTED,
    "migrate_from": STARTED,
    "promote": PROMOTED,
    "demote": UNPROMOTED,
    "stop": STOPPED,
    "migrate_to": STOPPED,
}
_MONITOR = {"0": STARTED, "7": STOPPED, "8": PROMOTED}
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
    """The nodes of the configuration, in its order."""
    states = {} if snapshot.status is None else {e.get("id"): e for e in snapshot.status.iterfind("node_state")}
    return [
        NodeState(
            id=node.get("id", ""),
            name=node.get("uname", ""),
            online=_online(states.get(node.get("id"))),
            standby=any(
                pair.get("value", "").lower() in _TRUE
                for pair in node.iterfind("instance_attributes/nvpair[@name='standby']")
            ),
        )
        for node in snapshot.section("nodes")
    ]


def resource_states(snapshot: Snapshot) -> Mapping[str, ResourceState]:
    """The state of every primitive that the history knows, by id."""
    found: dict[str, ResourceState] = {}
    if snapshot.status is None:
        return found
    for node in snapshot.status.iterfind("node_state"):
        name = node.get("uname", "")
        for resource in node.iterfind("lrm/lrm_resources/lrm_resource"):
            role = _last_role(resource)
            if role:
                # Instances of a unique clone are numbered: db:0, db:1.
                identifier = resource.get("id", "").partition(":")[0]
                found[identifier] = _joined(found.get(identifier, ResourceState()), role, name)
    return found


def _online(state: etree._Element | None) -> bool:
    if state is None:
        return False
    return state.get("in_ccm", "").lower() not in _OFFLINE and state.get("crmd", "").lower() not in _OFFLINE


def _joined(known: ResourceState, role: str, node: str) -> ResourceState:
    nodes = known.nodes if role == STOPPED else tuple(sorted({*known.nodes, node}))
    heavier = role if not known.role or _WEIGHT[role] > _WEIGHT[known.role] else known.role
    return ResourceState(heavier, nodes)


def _last_role(resource: etree._Element) -> str:
    role = ""
    for operation in sorted(resource.iterfind("lrm_rsc_op"), key=_call_id):
        if operation.get("op-status") == "-1":
            continue
        name, code = operation.get("operation", ""), operation.get("rc-code", "")
        if name == "monitor":
            role = _MONITOR.get(code, FAILED)
        elif name in _SUCCESS:
            role = _SUCCESS[name] if code == "0" else FAILED
    return role


def _call_id(operation: etree._Element) -> int:
    text = operation.get("call-id", "")
    return int(text) if text.isdecimal() else -1
