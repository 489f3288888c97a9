"""What a cluster would do with a candidate configuration: a preview, as data.

Rules of this file: pure. It compares two simulations of one moment, of the CIB as it is and as it would be, so that what is
under way or due anyway is told apart from what the plan causes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from qmfagent.cib.simulation.blocked import Blocked
from qmfagent.cib.simulation.hindrance import Hindrances
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.simulation import Simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.status import STARTED


@dataclass(frozen=True, slots=True)
class Preview:
    """What the cluster would do because of a plan, what it would do `anyway`, and what would not run (`blocked`).

    `blocked` are resources that the plan brings or stops, and that something but a ticket keeps from running. Where no
    preview could be made all are empty, and `reason` says why.
    """

    actions: tuple[Action, ...] = ()
    anyway: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    reason: str = ""

    def to_map(self) -> dict[str, Any]:
        """The preview as plain values."""
        return {
            "actions": [action.to_map() for action in self.actions],
            "anyway": [action.to_map() for action in self.anyway],
            "blocked": [blocked.to_map() for blocked in self.blocked],
            "reason": self.reason,
        }


def make_preview(present: Simulation, future: Simulation, candidate: Snapshot) -> Preview:
    """The preview of `candidate`, whose simulation is `future`; `present` is that of the CIB as it is."""
    actions, anyway = told_apart(present.actions, future.actions)
    hindrances = Hindrances(candidate, future)
    blocked = []
    for identifier, resource in future.resources.items():
        before = present.resources.get(identifier)
        if not resource.active and (before is None or before.active) and identifier in candidate.ids:
            found = hindrances.of(identifier)
            if found and all(hindrance.reason != "ticket" for hindrance in found):
                blocked.append(Blocked(identifier, STARTED, found))
    return Preview(actions, anyway, tuple(blocked))


def told_apart(present: Iterable[Action], future: Iterable[Action]) -> tuple[tuple[Action, ...], tuple[Action, ...]]:
    """Of what is done in the future: what is not done at present, and what is done anyway."""
    due = {replace(action, reason="") for action in present if not action.blocked}
    done = [(action, replace(action, reason="") in due) for action in future if not action.blocked]
    return tuple(action for action, anyway in done if not anyway), tuple(action for action, anyway in done if anyway)
