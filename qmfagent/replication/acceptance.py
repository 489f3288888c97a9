"""What this site makes sure of before it takes a publication of another.

Rules of this file: the signature is checked before the document is read; the agents are checked on what would be written,
after this site's own rules, since those may bring in others. Every element that is in the way is named, with what would
allow it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from qmfagent.cib.agents import AgentUse, agent_uses
from qmfagent.cib.closure import Closure
from qmfagent.cib.plan import Plan, Problem
from qmfagent.cib.snapshot import Snapshot
from qmfagent.policy.agents import AllowList, well_formed
from qmfagent.policy.lookup import Source
from qmfagent.policy.redaction import Concealer
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.signature import Verifier


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`signers` verify what is signed, `agents` may be run here, `secrets` are not shown to anybody."""

    signers: Verifier
    agents: AllowList
    secrets: Secrets

    def problems(self, mangled: Closure) -> tuple[Problem, ...]:
        """An error (agent-not-allowed) for each element of what would be written that has a program run not listed here."""
        return tuple(self._problem(use) for use in _uses(mangled) if not self.agents.allows(use.agent))

    def shown(self, plan: Plan, target: Snapshot, mangled: Closure) -> dict[str, Any]:
        """The plan that brings `target` to `mangled`, as plain values without secrets."""
        sources = Source.of_snapshot(target), Source.of_closure(mangled)
        return Concealer(self.secrets, *sources).plan(plan)

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
    return {":".join(use.agent) for use in _uses(mangled) if use.agent[0] != "bundle"}


def _uses(mangled: Closure) -> Iterator[AgentUse]:
    return agent_uses(mangled.document)
