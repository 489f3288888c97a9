"""A drill as data: what would run at this site if it were granted a ticket, what would not, and why.

Rules of this file: pure; the scheduler's word counts for what runs, except that a resource whose agent is not installed, and
what depends on it, does not run whatever the scheduler expects of its start. Judged are the resources of the ticket's
closure: every primitive has to run somewhere, and what can be promoted has to be promoted somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qmfagent.cib.agents import agent_of
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.simulation.blocked import Blocked
from qmfagent.cib.simulation.hindrance import Hindrances
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import told_apart
from qmfagent.cib.simulation.simulation import Simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import PROMOTED, STARTED, UNPROMOTED
from qmfagent.cib.version import Version


@dataclass(frozen=True, slots=True)
class Running:
    """A primitive or bundle that would run: its role, Started, Promoted or Unpromoted, and the nodes where it has it."""

    resource: str
    role: str
    nodes: tuple[str, ...]

    def to_map(self) -> dict[str, Any]:
        """As plain values."""
        return {"resource": self.resource, "role": self.role, "nodes": list(self.nodes)}


@dataclass(frozen=True, slots=True)
class Drill:
    """What a drill of `ticket` on the CIB of `version` has found.

    `actions` are what the grant would cause, at resources that do not depend on the ticket too. `problems` are what makes
    the drill say less than it could: with an error among them it says nothing of what would be replicated.
    """

    ticket: str
    version: Version
    running: tuple[Running, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all that depends on the ticket would run."""
        return not self.blocked and not any(problem.severity == "error" for problem in self.problems)

    def to_map(self) -> dict[str, Any]:
        """The drill as plain values."""
        return {
            "ticket": self.ticket,
            "version": str(self.version),
            "ok": self.ok,
            "running": [running.to_map() for running in self.running],
            "blocked": [blocked.to_map() for blocked in self.blocked],
            "actions": [action.to_map() for action in self.actions],
            "problems": [{"code": p.code, "severity": p.severity, "message": p.message} for p in self.problems],
        }


def make_drill(
    cib: Snapshot,
    closure: Closure,
    simulations: tuple[Simulation, Simulation],
    missing: frozenset[str],
    problems: tuple[Problem, ...],
) -> Drill:
    """What would become of `closure` in `cib`, by its simulations as it is and with the ticket granted; `missing` are the
    agents (class:provider:type) that are not installed."""
    present, granted = simulations
    agents = {each: agent for each, agent in agents_in(cib, closure).items() if agent in missing}
    hindrances = Hindrances(cib, granted, closure.ticket, agents)
    running: list[Running] = []
    blocked: list[Blocked] = []
    for resource in _judged(cib, closure):
        active = hindrances.active(resource)
        roles = set(active.values())
        running += [Running(resource, role, tuple(n for n, r in active.items() if r == role)) for role in sorted(roles)]
        if not active:
            blocked.append(Blocked(resource, STARTED, hindrances.of(resource)))
        elif UNPROMOTED in roles and PROMOTED not in roles:
            blocked.append(Blocked(resource, PROMOTED, hindrances.of(resource, promoted=True)))
    actions, _ = told_apart(present.actions, granted.actions)
    return Drill(closure.ticket, cib.version, tuple(running), tuple(blocked), actions, problems)


def agents_in(cib: Snapshot, closure: Closure) -> Mapping[str, str]:
    """The agent (class:provider:type) of each primitive in the closure, by id; of a template where it is made from one."""
    found = {}
    for identifier in _judged(cib, closure):
        element = cib.ids[identifier]
        own = agent_of(element) or agent_of(cib.ids.get(element.get("template", ""), element))
        if element.tag == "primitive" and own:
            found[identifier] = ":".join(own)
    return found


def _judged(cib: Snapshot, closure: Closure) -> Iterator[str]:
    """The primitives and bundles in the closure, in document order."""
    for top in closure.sections.get("resources", {}):
        for element in cib.members[top].iter("primitive", "bundle"):
            yield str(element.get("id"))
