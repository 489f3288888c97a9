"""Why a resource does not run: what in the configuration, the cluster and the simulation keeps it from that.

Rules of this file: pure. The scheduler decides, and a simulation has what it decided; this explains it afterwards, from
what is mandatory. What keeps a resource off single nodes is told where no node is left. Where nothing is found, that is said.
Source: Pacemaker Explained, "Resource Meta-Attributes", "Cluster-Wide Configuration".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from qmfagent.cib.simulation.blocked import Hindrance
from qmfagent.cib.simulation.placement import in_words, keeps_off
from qmfagent.cib.simulation.simulation import Simulation
from qmfagent.cib.simulation.situation import Situation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import PROMOTED, UNPROMOTED
from qmfagent.cib.truth import is_true

MAX_DEPTH = 3
"""How far a dependency is followed to say why it does not run."""

_NOTHING: Mapping[str, str] = {}


class Hindrances:
    """What stands in the way of the resources of `cib`, of which `simulation` says what runs.

    `granted` is a ticket that the simulation takes for granted. `missing` names the agents of the primitives, by id, whose
    agent is not installed: these do not run, whatever the simulation says, and neither does what depends on them.
    """

    def __init__(
        self, cib: Snapshot, simulation: Simulation, granted: str = "", missing: Mapping[str, str] = _NOTHING
    ) -> None:
        self._situation = Situation(cib, simulation)
        self._granted = granted
        self._missing = missing
        if missing:
            self._lose()

    def of(self, resource: str, *, promoted: bool = False) -> tuple[Hindrance, ...]:
        """What keeps a primitive or bundle from being started, or from being promoted where it is started already."""
        return tuple(dict.fromkeys(self._found(resource, promoted)))

    def active(self, resource: str) -> Mapping[str, str]:
        """The roles of a primitive or bundle, by the nodes where it runs."""
        return self._situation.active(resource)

    def _lose(self) -> None:
        """Follow what depends on resources that do not run, and so does not run either."""
        self._situation.lost = frozenset(self._missing)
        rest = [resource for resource in self._situation.simulation.resources if resource in self._situation.cib.ids]
        while lost := [
            each for each in rest if self._situation.active(each) and any(self._dependent(each, False, MAX_DEPTH))
        ]:
            self._situation.lost |= set(lost)

    def _found(self, resource: str, promoted: bool, depth: int = 0) -> Iterator[Hindrance]:
        """At least one; the first is worked out first, and alone where nobody asks for more."""
        known = False
        for hindrance in self._decisive(resource, promoted, depth):
            known = True
            yield hindrance
        if not known:
            yield self._unknown(resource, promoted)

    def _decisive(self, resource: str, promoted: bool, depth: int) -> Iterator[Hindrance]:
        yield from self._own(resource, promoted)
        yield from self._cluster_wide(promoted)
        yield from self._tickets(resource, promoted)
        yield from self._dependent(resource, promoted, depth)
        nodes = [
            node
            for node in self._situation.simulation.nodes
            if not promoted or node.name in self._situation.active(resource)
        ]
        off = [keeps_off(self._situation, resource, promoted, node) for node in nodes]
        if not off:
            yield Hindrance("node", "the cluster has no node")
        if all(off):
            yield from (hindrance for hindrance in off if hindrance)

    # -- what the resource itself is told

    def _own(self, resource: str, promoted: bool) -> Iterator[Hindrance]:
        state = self._situation.state(resource)
        if agent := self._missing.get(resource):
            yield Hindrance("agent", f"its agent {agent} is not installed")
        if state.target_role == "Stopped" or (promoted and state.target_role == UNPROMOTED):
            yield Hindrance("disabled", f"its target-role is {state.target_role}")
        if state.blocked:
            yield Hindrance("failed", "it failed in a way that blocks it; correct that and clean it up")
        elif not state.managed:
            if is_true(self._situation.option("maintenance-mode")):
                yield Hindrance("maintenance", "the cluster is in maintenance mode")
            else:
                yield Hindrance("unmanaged", "it is not managed, or in maintenance")

    def _cluster_wide(self, promoted: bool) -> Iterator[Hindrance]:
        if is_true(self._situation.option("stop-all-resources")):
            yield Hindrance("disabled", "stop-all-resources is set")
        policy = self._situation.option("no-quorum-policy")
        suffices = ("ignore",) if promoted else ("ignore", "demote")
        if not is_true(self._situation.cib.head.get("have-quorum", "1")) and policy not in suffices:
            yield Hindrance("quorum", "the cluster has no quorum")
        if is_true(self._situation.option("stonith-enabled", "true")) and not self._can_fence:
            yield Hindrance("fencing", "fencing is enabled, and the cluster has no fencing device")

    @cached_property
    def _can_fence(self) -> bool:
        devices = self._situation.cib.configuration.xpath("boolean(resources//*[@class='stonith'])")
        return bool(devices) or is_true(self._situation.option("have-watchdog"))

    def _tickets(self, resource: str, promoted: bool) -> Iterator[Hindrance]:
        for each in self._situation.chain(resource):
            for need in self._situation.dependencies.tickets[each]:
                state = self._situation.cib.tickets.get(need.ticket)
                if need.ticket == self._granted or (need.promoted and not promoted):
                    continue
                if state is None or not state.granted:
                    yield Hindrance("ticket", f"ticket {need.ticket} is not granted here")
                elif state.standby:
                    yield Hindrance("ticket", f"ticket {need.ticket} is in standby")

    # -- what it depends on

    def _dependent(self, resource: str, promoted: bool, depth: int) -> Iterator[Hindrance]:
        earlier = self._situation.before_in_group(resource)
        if earlier and not self._situation.active(earlier):
            yield self._because("group", f"{earlier}, before it in its group, does not run", earlier, False, depth)
        for each in self._situation.chain(resource):
            for order in self._situation.dependencies.orders[each]:
                if not self._situation.done(order.other, order.promoted):
                    words = f"order {order.id} wants {order.other} {'promoted' if order.promoted else 'started'} first"
                    yield self._because("order", words, order.other, order.promoted, depth)
        for colocation in self._situation.colocations(resource, promoted):
            if not colocation.apart and not self._situation.places(colocation):
                words = f"colocation {colocation.id} wants it where {in_words(colocation)} runs, which is nowhere"
                yield self._because("colocation", words, colocation.other, colocation.with_promoted, depth)

    def _because(self, reason: str, words: str, other: str, promoted: bool, depth: int) -> Hindrance:
        """The hindrance, with why the other one does not run."""
        for primitive in self._situation.parts(other) if depth < MAX_DEPTH else ():
            active = self._situation.active(primitive)
            if not active or (promoted and PROMOTED not in active.values()):
                why = next(self._found(primitive, promoted and bool(active), depth + 1))
                return Hindrance(reason, f"{words} ({primitive}: {why.message})")
        return Hindrance(reason, words)

    def _unknown(self, resource: str, promoted: bool) -> Hindrance:
        asks = any(
            self._situation.cib.ids[each].find("utilization") is not None for each in self._situation.chain(resource)
        )
        if asks and self._situation.option("placement-strategy", "default") != "default":
            return Hindrance("utilization", "no node has the capacity left that its utilization asks for")
        for action in self._situation.simulation.actions:
            if action.resource == resource and action.blocked and action.reason:
                return Hindrance("unknown", f"the scheduler says: {action.reason}")
        done = "promote" if promoted else "start"
        return Hindrance("unknown", f"the scheduler does not {done} it, and nothing here tells why")
