"""What Pacemaker and the resource agents here say to a plan, before the first write of it.

Rules of this file: the schema is judged, and raised where that is all it takes, while crm_verify and the agents are asked. What
is wrong already is nobody's fault of the plan. Where something can't be asked, the plan says so (`not-verified`) and goes on:
Pacemaker judges the schema once more when it is written. A plan that does no more than give other values to parameters of
agents is not looked at: a schema takes any text there, and the scheduler hands it on unread.
Source: Pacemaker Explained, "Upgrading the Configuration" and "Resource Instance Attributes"; Pacemaker Administration,
"Resource Agents": `trace_*` and, for fencing, `pcmk_*` are taken by all.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from qmfagent.cib import document
from qmfagent.cib.agents import ParameterUse, parameter_uses
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.ownership import is_ownership_tag
from qmfagent.cib.plans.difference import Change
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.plans.upgrade import Upgrade, raises
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ClusterError
from qmfagent.pacemaker import schemas
from qmfagent.pacemaker.metadata import AgentMetadata
from qmfagent.pacemaker.verify import CrmVerify

_PARAMETER = re.compile(
    r"/cib/configuration/resources/.+/instance_attributes\[@id='[^']*'\]/nvpair\[@id='[^']*'\]", re.DOTALL
)
_EVERYWHERE = frozenset({"trace_ra", "trace_file", "trace_dir"})
# The fencer gives these itself.
_FENCERS = frozenset({"action", "plug", "port", "nodename"})
_MAX_NAMED = 3


class PacemakerChecks:
    """Checks plans by Pacemaker's schemas, crm_verify and the metadata of agents."""

    def __init__(self, agents: AgentMetadata, verify: CrmVerify | None = None) -> None:
        """`agents` are those of this node."""
        self._agents = agents
        self._verify = verify or CrmVerify()

    async def checked(self, plan: Plan, target: Snapshot, candidate: Snapshot, wanted: Closure, schema: str) -> Plan:
        """The plan with what was found added to its problems, and with an upgrade where it takes one.

        It makes `candidate` of `target`, which has the members of `wanted` then; `schema` is what the publisher's CIB is
        validated with, empty where that is not known. The agents in `wanted` are run, so they have to be allowed.
        """
        if _sets_parameters_alone(plan.changes):
            return plan
        found, verified, agents = await asyncio.gather(
            asyncio.to_thread(_by_schema, target, candidate, schema),
            self._verified(target, candidate),
            self._by_agents(wanted),
        )
        if isinstance(found, Problem):
            return replace(plan, problems=(*plan.problems, found))
        if found is not None:
            plan = replace(plan, upgrade=found)
            upgraded = await asyncio.to_thread(target.advance, document.parse_element(plan.patchset))
            verified = await self._verified(target, upgraded)
        return replace(plan, problems=(*plan.problems, *verified, *agents))

    async def stop(self) -> None:
        """Check nothing any more."""
        await self._verify.stop()

    async def _verified(self, target: Snapshot, candidate: Snapshot) -> list[Problem]:
        try:
            found = await self._verify.new_findings(target, candidate)
        except ClusterError as error:
            return [Problem("not-verified", "note", f"Pacemaker has not verified what it would become: {error}")]
        return [
            Problem("verify", "error", f"crm_verify: {words}")
            if severity == "error"
            else Problem("verify", "warning", f"crm_verify: {words}")
            for severity, words in found
        ]

    async def _by_agents(self, wanted: Closure) -> list[Problem]:
        uses = await asyncio.to_thread(lambda: list(parameter_uses(wanted.document)))
        missing = await self._agents.missing({use.agent for use in uses})
        users: dict[tuple[str, str, str], list[str]] = {}
        for use in uses:
            for kind in self._faults(use, missing):
                users.setdefault(kind, []).append(use.element)
        silent = self._agents.silent({use.agent for use in uses})
        return [
            *(_agent_problem(*kind, elements) for kind, elements in users.items()),
            *(
                Problem("not-verified", "note", f"{agent} does not tell which parameters it has")
                for agent in sorted(silent)
            ),
        ]

    def _faults(self, use: ParameterUse, missing: frozenset[str]) -> Iterator[tuple[str, str, str]]:
        """What is wrong with one use of an agent: "agent", "unknown" or "required", the agent, and the parameter."""
        if use.agent in missing:
            yield "agent", use.agent, ""
            return
        known = self._agents.parameters(use.agent)
        if known is None:
            return
        fencing = use.agent.startswith("stonith:")
        for name in sorted(use.given - known.names - _EVERYWHERE):
            if not (fencing and name.startswith("pcmk_")):
                yield "unknown", use.agent, name
        for name in sorted(known.required - use.given - use.inherited - (_FENCERS if fencing else frozenset())):
            yield "required", use.agent, name


def _sets_parameters_alone(changes: Iterable[Change]) -> bool:
    """Whether changes give other values to parameters of agents, and do nothing else but keep the record of what is owned."""
    return all(is_ownership_tag(change.member) or _sets_a_parameter(change) for change in changes)


def _sets_a_parameter(change: Change) -> bool:
    return change.operation == "modify" and bool(_PARAMETER.fullmatch(change.path)) and all(
        attribute.name == "value" and attribute.old is not None and attribute.new is not None
        for attribute in change.attributes
    )  # fmt: skip


def _by_schema(target: Snapshot, candidate: Snapshot, published: str) -> Upgrade | Problem | None:
    """What it takes for the candidate to be valid; None where it is, or can't be judged here."""
    present = candidate.validate_with
    if schemas.schema_file(present) is None:
        return None
    faults = schemas.faults(candidate)
    if not faults:
        return None
    message = f"what it would become is not valid by {present}, which this site's CIB is validated with: {faults}"
    if not raises(present, published):
        return Problem("schema", "error", f"{message}; see what 'crm_verify --live-check' says of the publisher's CIB")
    if schemas.schema_file(published) is None:
        message += (
            f"; the publisher's is {published}, which Pacemaker does not know here: update Pacemaker at this site"
        )
        return Problem("schema", "error", f"{message}, or do without what is new in {published} at the publisher")
    if later := schemas.faults(candidate, published):
        return Problem("schema", "error", f"{message}; nor is it by the publisher's {published}: {later}")
    return Upgrade(present, published, target.head)


def _agent_problem(kind: str, agent: str, parameter: str, elements: list[str]) -> Problem:
    named = ", ".join(elements[:_MAX_NAMED])
    if len(elements) > _MAX_NAMED:
        named += f" and {len(elements) - _MAX_NAMED} more"
    if kind == "agent":
        message = f"there is no agent {agent} on this node, which is to run {named}; install it on every node"
        return Problem("no-agent", "error", message)
    if kind == "unknown":
        message = f"{agent} has no parameter {parameter!r}, which is given for {named}; it may be of another release"
    else:
        message = f"{agent} wants the parameter {parameter!r}, which is not given for {named}"
    return Problem("no-parameter", "warning", message)
