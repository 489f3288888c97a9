"""What the scheduler would have done, and where that leaves each instance of a resource.

Rules of this file: pure. What is blocked changes nothing, and what goes makes room before anything comes. What is restarted
has the role that the scheduler wants it to have, though a promotion may take it another transition.
Source: crm_simulate(8), held against what it works out itself (--simulate) in tests/pacemaker/test_outcome.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from qmfagent.cib.status import PROMOTED, STARTED, UNPROMOTED

ACTIVE = frozenset({STARTED, UNPROMOTED, PROMOTED})

Instance = tuple[str, str]
"""The name of an instance, and the node where it is."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that would be done.

    `action` is Pacemaker's word: start, stop, restart, recover, reload, move, migrate, promote, demote, or what would be done
    to a node, such as "Fence (reboot)"; `resource` is empty then. `source` and `target` are the nodes before and after, the
    same where a resource stays, empty where there is none. `reason` is the scheduler's, often empty; `blocked` tells that
    nothing will come of it because of that; `role` is the one it has then, where the scheduler says.
    """

    action: str
    resource: str
    source: str = ""
    target: str = ""
    reason: str = ""
    blocked: bool = False
    role: str = ""

    def to_map(self) -> dict[str, str]:
        """The action as plain values."""
        return {
            "action": self.action,
            "resource": self.resource,
            "source": self.source,
            "target": self.target,
            "reason": self.reason,
        }


def outcome(
    instances: Mapping[Instance, str], known: Collection[str], actions: Iterable[Action], promotable: Collection[str]
) -> dict[Instance, str]:
    """The roles of the instances that are active after `actions`, which have the names that Pacemaker gives to instances.

    `instances` are those that are active before; `known` are the names that the status uses: those of anonymous instances
    have no number there. `promotable` are the names of what has the role Unpromoted once it is started.
    """
    after = dict(instances)
    coming: dict[Instance, str] = {}
    for action in actions:
        if action.blocked or not action.resource:
            continue
        name = action.resource if action.resource in known else action.resource.partition(":")[0]
        before = after.pop((name, action.source), "")
        if action.target:
            coming[name, action.target] = action.role or _role(action.action, before, name in promotable)
    return after | coming


def _role(action: str, before: str, promotable: bool) -> str:
    if action == "promote":
        return PROMOTED
    if action == "demote":
        return UNPROMOTED
    return before or (UNPROMOTED if promotable else STARTED)
