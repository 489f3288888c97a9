"""Overrides that touch nothing.

Rules of this file: pure. A site file is for all tickets, so an override may be for another one than is planned: one that meets
something which is owned for another ticket is no fault. That is told for selects of plain steps alone, which find in a member
what they find there whatever else there is; what any other would find in the other ticket's closure is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qmfagent.cib.mangling.overrides import Override, OverrideUse, finds
from qmfagent.cib.ownership import other_owners
from qmfagent.cib.plans.members import pick_members
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.snapshot import Snapshot


def unused(overrides: Iterable[OverrideUse], target: Snapshot, ticket: str) -> Iterator[Problem]:
    """A warning for each override that touched nothing of this ticket, and meets nothing that `target` has for another."""
    idle = [use for use in overrides if not use.places]
    if not idle:
        return
    others = pick_members(ticket, target.lines, other_owners(target, ticket))
    for use in idle:
        entry = Override(use.select, use.value, use.line)
        if not (entry.plain and finds(entry, others)):
            yield Problem("override-unused", "warning", use.remark)
