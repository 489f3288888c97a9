"""What crm_simulate(8) says that a cluster would do with a CIB, as data.

Rules of this file: pure; it reads and judges nothing. How everything would be afterwards is worked out from what would be
done: crm_simulate can do that too, but writes the whole CIB anew for each action. Resources have the ids that they have in
the CIB: instances of a clone are joined under its primitive's, what Pacemaker makes for the replicas of a bundle under the
bundle's, and the connection to a guest node under that of the resource it runs in.
Source: Pacemaker 2.1.5, xml/api/crm_simulate-2.24.rng, nodes-2.24.rng, resources-2.24.rng, node-history-2.12.rng.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.simulation.outcome import ACTIVE, Action, outcome
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import PROMOTED, UNPROMOTED
from qmfagent.cib.truth import is_true
from qmfagent.errors import CibError

_ROLES = {"Master": PROMOTED, "Slave": UNPROMOTED}
_NODE_STATES = ("pending", "unclean", "shutdown", "maintenance")
MINUS_INFINITY = "-INFINITY"

# The output repeats every resource and node; a CIB of the largest size that is accepted gives less than this.
MAX_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SimulatedNode:
    """A node as it is. `faults` say why nothing is started there: offline, standby, pending, unclean, shutdown or
    maintenance; `health` is green, yellow or red."""

    name: str
    faults: tuple[str, ...] = ()
    health: str = "green"


@dataclass(frozen=True, slots=True)
class SimulatedResource:
    """A primitive or bundle afterwards: its role on each node where it is active, by node; its target-role, empty where it
    has none; whether it is managed, and whether a failure blocks it."""

    active: Mapping[str, str]
    target_role: str = ""
    managed: bool = True
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would be done, and how resources would be afterwards; the nodes are those that are no bundle's own.

    `banned` are the resources and nodes where no instance may run; `promotion` has the promotion scores of resources on
    nodes, -1 where the agent has given none. `exhausted` are the resources and nodes where failures have reached the
    migration-threshold, with that.
    """

    actions: tuple[Action, ...]
    nodes: tuple[SimulatedNode, ...]
    resources: Mapping[str, SimulatedResource]
    banned: frozenset[tuple[str, str]]
    promotion: Mapping[tuple[str, str], str]
    exhausted: Mapping[tuple[str, str], str]


def parse_simulation(output: bytes, cib: Snapshot) -> Simulation:
    """Read what `crm_simulate --run --output-as=xml` says of `cib`. Raises CibError where it is something else."""
    root = document.parse_element(output, "the output of crm_simulate", MAX_BYTES)
    status = root.find("cluster_status")
    if root.tag != "pacemaker-result" or status is None:
        raise CibError("the output of crm_simulate has no cluster status in it")
    names = _Names(cib, status)
    told = list(_actions(root))
    return Simulation(
        actions=tuple(dict.fromkeys(replace(action, resource=names.of(action.resource)) for action in told)),
        nodes=tuple(_node(node) for node in status.iterfind("nodes/node") if not names.of_bundle(node.get("name", ""))),
        resources=_resources(status, told, names),
        banned=_banned(root, names),
        promotion={
            (names.of(score.get("id", "")), score.get("node", "")): score.get("score", "")
            for score in root.iterfind("*/promotion_score[@node]")
        },
        exhausted=dict(_exhausted(root, names)),
    )


class _Names:
    """From the ids that Pacemaker gives to instances to those of the CIB."""

    def __init__(self, cib: Snapshot, status: etree._Element) -> None:
        self._own: dict[str, str] = {}
        self._bundles: set[str] = set()
        self.promotable = {str(e.get("id")) for e in status.iterfind("resources/clone[@multi_state='true']//resource")}
        for bundle in status.iterfind("resources//bundle"):
            element = cib.ids[str(bundle.get("id"))]
            inside = {str(primitive.get("id")) for primitive in element.iterfind("primitive")}
            if any(engine.get(most, "0") != "0" for engine in element for most in ("promoted-max", "masters")):
                self.promotable |= inside
            for resource in bundle.iterfind("replica/resource"):
                if resource.get("id", "").partition(":")[0] not in inside:
                    self._own[resource.get("id", "")] = bundle.get("id", "")
                    self._bundles.add(resource.get("id", ""))
        for pair in cib.configuration.iterfind("resources//primitive/meta_attributes/nvpair[@name='remote-node']"):
            primitive = next(pair.iterancestors("primitive"))
            self._own[pair.get("value", "")] = primitive.get("id", "")

    def of(self, name: str) -> str:
        """The id in the CIB of what Pacemaker calls `name`; the same for what is not in the configuration any more."""
        return self._own.get(name) or name.partition(":")[0]

    def of_bundle(self, name: str) -> bool:
        """Whether a node is a replica of a bundle."""
        return name in self._bundles


def _actions(root: etree._Element) -> Iterator[Action]:
    """The actions, with the names that Pacemaker gives to instances."""
    for each in root.iterfind("actions/node_action"):
        node = each.get("node", "")
        yield Action(each.get("task", ""), "", node, node, each.get("reason", ""))
    for each in root.iterfind("actions/rsc_action"):
        action, node = each.get("action", ""), each.get("node", "")
        source, target = each.get("source", ""), each.get("dest", "")
        if action == "start":
            target = node
        elif action == "stop":
            source = node
        elif not target and each.get("role") != "Stopped":
            source = target = source or node
        blocked = each.get("blocked") == "true"
        role = each.get("next-role", "")
        yield Action(
            action, each.get("resource", ""), source, target, each.get("reason", ""), blocked, _ROLES.get(role, role)
        )


def _node(node: etree._Element) -> SimulatedNode:
    faults = [] if node.get("online") == "true" else ["offline"]
    if "true" in (node.get("standby"), node.get("standby_onfail")):
        faults.append("standby")
    faults += [state for state in _NODE_STATES if node.get(state) == "true"]
    return SimulatedNode(node.get("name", ""), tuple(faults), node.get("health", "green"))


def _banned(root: etree._Element, names: _Names) -> frozenset[tuple[str, str]]:
    """The last score of an instance on a node is the one that counts; it may be told more than once."""
    last = {
        (weight.get("id", ""), weight.get("node", "")): weight.get("score") for weight in root.iterfind("*/node_weight")
    }
    free = {(names.of(name), node) for (name, node), score in last.items() if score != MINUS_INFINITY}
    return frozenset((names.of(name), node) for name, node in last) - free


def _resources(status: etree._Element, actions: Iterable[Action], names: _Names) -> dict[str, SimulatedResource]:
    elements = list(status.iterfind("resources//resource"))
    instances = {
        (resource.get("id", ""), node.get("name", "")): _role(resource)
        for resource in elements
        if _role(resource) in ACTIVE
        for node in resource.iterfind("node")
    }
    instances = outcome(instances, {e.get("id", "") for e in elements}, actions, names.promotable)
    active: dict[str, dict[str, str]] = {}
    for (instance, node), role in sorted(instances.items()):
        roles = active.setdefault(names.of(instance), {})
        roles[node] = PROMOTED if roles.get(node) == PROMOTED else role
    found: dict[str, SimulatedResource] = {}
    for resource in elements:
        identifier = names.of(resource.get("id", ""))
        before = found.get(identifier)
        target_role = resource.get("target_role", "")
        found[identifier] = SimulatedResource(
            active.get(identifier, {}),
            _ROLES.get(target_role, target_role),
            is_true(resource.get("managed", "true")) and (before is None or before.managed),
            is_true(resource.get("blocked", "false")) or (before is not None and before.blocked),
        )
    return found


def _role(resource: etree._Element) -> str:
    role = resource.get("role", "")
    return _ROLES.get(role, role)


def _exhausted(root: etree._Element, names: _Names) -> Iterator[tuple[tuple[str, str], str]]:
    for node in root.iterfind("cluster_status/node_history/node"):
        for history in node.iterfind("resource_history"):
            count, threshold = _number(history.get("fail-count")), _number(history.get("migration-threshold"))
            if 0 < threshold <= count:
                yield (names.of(history.get("id", "")), node.get("name", "")), str(threshold)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
