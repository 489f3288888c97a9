"""What this site makes sure of before it takes a publication of another.

Rules of this file: the signature is checked before the document is read; the agents are checked on what would be written,
after this site's own rules, since those may bring in others. Every element that is in the way is named, with what would
allow it. A resource that has not changed since the last publication of its ticket is not looked at again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.agents import AgentUse, agent_uses
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.plans.closure_difference import closure_changes
from qmfagent.cib.plans.plan import Plan, Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.agents import AllowList, well_formed
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.publishing.signature import Verifier


@dataclass(frozen=True, slots=True)
class _Seen:
    """The resources of a closure that was looked at: their lines, and the problems of those that have any."""

    lines: Mapping[str, bytes] = field(default_factory=dict)
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`signers` verify what is signed, `agents` may be run here, `secrets` are not shown to anybody."""

    signers: Verifier
    agents: AllowList
    secrets: Secrets
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False, repr=False, compare=False)

    def problems(self, mangled: Closure) -> tuple[Problem, ...]:
        """An error (agent-not-allowed) for each element of what would be written that has a program run not listed here."""
        seen, lines = self._seen.get(mangled.ticket, _Seen()), mangled.sections["resources"]
        changed = {i for i, line in lines.items() if seen.lines.get(i) != line}
        problems = {i: found for i, found in seen.problems.items() if i in lines and i not in changed}
        for resource in _resources(mangled, changed):
            uses = [use for use in agent_uses(resource) if not self.agents.allows(use.agent)]
            if uses:
                problems[str(resource.get("id"))] = tuple(map(self._problem, uses))
        self._seen[mangled.ticket] = _Seen(lines, problems)
        return tuple(problem for i in sorted(problems) for problem in problems[i])

    def shown(self, plan: Plan, target: Snapshot, mangled: Closure, published: Closure) -> dict[str, Any]:
        """The plan that brings `target` to `mangled`, as plain values without secrets, with the override diff."""
        plan = replace(plan, override_changes=closure_changes(published, mangled))
        here, ours = Source.of_snapshot(target), Source.of_closure(mangled)
        rules = Concealer(self.secrets, Source.of_closure(published), ours)
        return Concealer(self.secrets, here, ours).plan(plan, rules)

    def _problem(self, use: AgentUse) -> Problem:
        name = ":".join(use.agent)
        if well_formed(use.agent):
            message = (
                f"{use.element} runs {name}, which this site does not take from others; to allow it, put"
                f" {json.dumps(name)} into agents = [...] under [replication] in this site's configuration"
            )
        else:
            message = f"{use.element} names {name!r}, which is no name of an agent; that is never allowed"
        return Problem("agent-not-allowed", "error", message)


def allowed_agents(mangled: Closure) -> set[str]:
    """The agents (class:provider:type) in a closure without such problems."""
    return {":".join(use.agent) for use in agent_uses(mangled.document) if use.agent[0] != "bundle"}


def _resources(mangled: Closure, identifiers: set[str]) -> Iterator[etree._Element]:
    """Some resources of a closure; where they are many, one parse of all of it costs less."""
    lines = mangled.sections["resources"]
    if 4 * len(identifiers) < len(lines):
        return (document.parse_element(lines[i]) for i in identifiers)
    return (e for e in mangled.document.iterfind("configuration/resources/*") if e.get("id") in identifiers)
