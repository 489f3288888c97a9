"""How publications of other sites are taken here, ticket by ticket: modes, windows, and what is done about drift.

Rules of this file: pure. It decides about what the agent does by itself, and about nothing that a person asks for. Whatever
holds a publication back has a name, in the order of HOLDS: what a person has said comes before what stands in the
configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.policy.schedule import Schedule, Window, opening

MANUAL, PERIODIC, AUTOMATIC = "manual", "periodic", "automatic"
MODES = (MANUAL, PERIODIC, AUTOMATIC)

KEEP, HEAL = "keep", "heal"
DRIFT_POLICIES = (KEEP, HEAL)

HOLDS = ("paused", "pinned", "manual", "schedule", "window")
"""Why a publication that is known waits: the values of Replica.hold besides the empty one."""


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """How one ticket is followed at one site.

    `mode`: publications wait for a person (manual), are applied at the times of `schedule` (periodic), or at once
    (automatic); the last two inside one of `windows` only, where there are some. `drift`: what somebody has changed here is
    kept, or healed.
    """

    mode: str = MANUAL
    schedule: Schedule | None = None
    windows: tuple[Window, ...] = ()
    drift: str = KEEP

    def due_after(self, moment: float) -> float:
        """The first time of the schedule that is later than `moment`; `moment` itself where there is none."""
        return self.schedule.after(moment) if self.schedule else moment


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with a publication now: applied where `hold` is empty; else it waits, until `until` (seconds since the
    epoch), or for a person where that is 0."""

    hold: str = ""
    until: float = 0.0


APPLY = Decision()


def decide(policy: TicketPolicy, now: float, due: float, *, paused: bool = False, pinned: bool = False) -> Decision:
    """Whether a publication is applied at the time `now`; `due` is the time of the schedule that has not been used yet."""
    if paused:
        return Decision("paused")
    if pinned:
        return Decision("pinned")
    if policy.mode == MANUAL:
        return Decision("manual")
    if policy.mode == PERIODIC and due > now:
        return Decision("schedule", due)
    opens = opening(policy.windows, now)
    return Decision("window", opens) if opens > now else APPLY


def next_run(policy: TicketPolicy, now: float, due: float, *, paused: bool = False, pinned: bool = False) -> float:
    """When publications will next be applied, as far as the clock decides that; 0 where it does not."""
    decision = decide(policy, now, due, paused=paused, pinned=pinned)
    return opening(policy.windows, decision.until) if decision.until else 0.0


def heals(policy: TicketPolicy, *, paused: bool) -> bool:
    """Whether drift is healed: in every mode, while newer publications are held too, and only not while it is paused."""
    return policy.drift == HEAL and not paused
