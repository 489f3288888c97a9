"""Drills: the grant of a ticket to this site is simulated, on what is replicated here, and what came of it is recorded.

Rules of this file: nothing here is written but a record in the journal, and nobody else is asked. A drill is of the CIB as it
is now; where that may not be what the holder publishes, the drill says so. Drills by the clock go by the wall clock, as
everything else that has a schedule, and one at a time; what passes while the agent is down is left out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from qmfagent.cib.closure.closure import closure
from qmfagent.cib.plans.plan import Problem
from qmfagent.cib.simulation.drill import Drill, agents_in, make_drill
from qmfagent.cib.simulation.simulation import Simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import QmfAgentError, Refused, UnknownTicket
from qmfagent.policy.schedule import Schedule
from qmfagent.replication.following.replica import BEHIND, BLOCKED, FROM, UNREACHABLE, Replica, Replicas
from qmfagent.replication.ports import CibStore, Ledger
from qmfagent.trace import current_trace

SCHEDULED = "schedule"
"""Who asks for the drills by the clock."""

MAX_TOLD = 200
"""Resources that run, and resources that do not, in one event."""

RECHECK = 60.0
"""Seconds after which a drill by the clock looks at the clock again, which may have been set."""

_EVENT = "drill_done"
_NANOSECONDS = 1_000_000_000

_log = logging.getLogger(__name__)

# Which of these agents (class:provider:type) are not installed here, as far as that is known.
MissingAgents = Callable[[Iterable[str]], Awaitable[frozenset[str]]]


class GrantSimulator(Protocol):
    """What the cluster would do with a ticket."""

    async def grant(self, cib: Snapshot, ticket: str) -> tuple[Simulation, Simulation]:
        """What it does with `cib` as it is, and with the ticket granted and active. Raises ClusterError and CibError."""
        ...


@dataclass(frozen=True, slots=True)
class LastDrill:
    """When a ticket was drilled last, in seconds since the epoch, 0 where never; how many resources could not run; and whether
    all that depends on it would run, which is not so either where nothing is replicated."""

    at: int = 0
    failures: int = 0
    ok: bool = True


async def none_missing(agents: Iterable[str]) -> frozenset[str]:
    """What serves where there are no agents to look for."""
    return frozenset()


class Drills:
    """Drills tickets at `site`."""

    def __init__(
        self,
        site: str,
        store: CibStore,
        simulator: GrantSimulator,
        replicas: Replicas,
        ledger: Ledger,
        missing: MissingAgents = none_missing,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`now` gives seconds since the epoch; `sleep` lets some seconds pass."""
        self._site = site
        self._store = store
        self._simulator = simulator
        self._replicas = replicas
        self._ledger = ledger
        self._missing = missing
        self._now = now
        self._sleep = sleep
        self._last: dict[str, LastDrill] = {}

    async def drill(self, ticket: str, by: str) -> Drill:
        """Simulate the grant of `ticket` here, for `by`, and record what came of it.

        Raises Refused (granted), UnknownTicket, CibError where what depends on the ticket can't be told, Disconnected, and
        ClusterError where the simulation fails; nothing is recorded then.
        """
        cib = await self._store.snapshot()
        state = cib.tickets.get(ticket)
        if state and state.granted and not state.standby:
            raise Refused(
                "granted",
                f"ticket {ticket!r} is granted to {self._site}, so what would run is what runs",
                hint="look at the site's resources, or drill the ticket at another site",
            )
        found = await self._simulated(cib, ticket)
        self._record(found, by)
        return found

    async def _simulated(self, cib: Snapshot, ticket: str) -> Drill:
        replicas = self._replicas.of_ticket(ticket)
        try:
            concerned = await asyncio.to_thread(closure, cib, ticket)
        except UnknownTicket:
            if not replicas:
                raise
            concerned = None
        if concerned is None or not concerned.sections.get("resources"):
            message = f"nothing that depends on ticket {ticket!r} is replicated to {self._site}"
            return Drill(ticket, cib.version, problems=(Problem("not-replicated", "error", message),))
        simulations, missing = await asyncio.gather(
            self._simulator.grant(cib, ticket), self._missing(set(agents_in(cib, concerned).values()))
        )
        problems = tuple(problem for replica in replicas for problem in _problems(replica))
        return await asyncio.to_thread(make_drill, cib, concerned, simulations, missing, problems)

    def _record(self, drill: Drill, by: str) -> None:
        told = drill.to_map()
        lists = {name: told[name][:MAX_TOLD] for name in ("running", "blocked")}
        values = {
            "site": self._site,
            "ticket": drill.ticket,
            "ok": drill.ok,
            **lists,
            "truncated": sum(len(told[name]) - len(lists[name]) for name in lists),
            "failures": len(drill.blocked),
            "problems": told["problems"],
            "by": by,
            "trace": current_trace(),
        }
        self._ledger.record(_EVENT, values)
        self._last[drill.ticket] = LastDrill(int(self._now()), len(drill.blocked), drill.ok)

    def last(self, ticket: str) -> LastDrill:
        """The last drill of a ticket, as far as the journal goes back."""
        if ticket not in self._last:
            self._last[ticket] = LastDrill()
            for record in self._ledger.of_ticket(ticket, [_EVENT], 1):
                failures, ok = record.values["failures"], record.values["ok"]
                self._last[ticket] = LastDrill(record.time_ns // _NANOSECONDS, failures, ok)
        return self._last[ticket]

    async def run(self, schedules: Mapping[str, Schedule]) -> None:
        """Drill these tickets when it is time, until cancelled."""
        due = {ticket: schedule.after(self._now()) for ticket, schedule in schedules.items()}
        while due:
            await self._sleep(min(max(min(due.values()) - self._now(), 0.0), RECHECK))
            for ticket, schedule in schedules.items():
                if due[ticket] <= self._now():
                    await self._by_the_clock(ticket)
                    due[ticket] = schedule.after(self._now())
                else:
                    # The same, unless the clock was set back.
                    due[ticket] = min(due[ticket], schedule.after(self._now()))

    async def _by_the_clock(self, ticket: str) -> None:
        try:
            await self.drill(ticket, SCHEDULED)
        except Refused as refusal:
            _log.debug("no drill of ticket %s: %s", ticket, refusal)
        except QmfAgentError as error:
            _log.warning("the drill of ticket %s failed: %s", ticket, error)


def _problems(replica: Replica) -> Iterable[Problem]:
    """Why what is here may not be what the holder, if the remote site is that, publishes."""
    if replica.direction != FROM:
        return
    if replica.state in (BEHIND, BLOCKED):
        why = f": {replica.message}" if replica.message else ""
        yield Problem("behind", "warning", f"what {replica.remote} publishes is not applied here yet{why}")
    elif replica.state == UNREACHABLE:
        yield Problem("behind", "warning", f"{replica.remote} can't be reached, so what is here may be old")
    if replica.drift:
        yield Problem("drift", "warning", f"{replica.drift} fields here differ from what was delivered")
