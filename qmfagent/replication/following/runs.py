"""When publications are applied by the clock: what is due for each ticket, and who is woken then.

Rules of this file: what is decided, policy decides. There is one timer for each ticket that waits for a time, and none for
any other. A timer goes by a clock that nobody sets, and what it waits for by the wall clock, so the two are compared every
RECHECK seconds. A time of the schedule is used up by a look at the ticket that came to an end, good or bad; one that passes
while the agent is down is left out, as cron does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any

from qmfagent.policy import modes
from qmfagent.policy.modes import Decision, TicketPolicy
from qmfagent.replication.standing import Standing

RECHECK = 60.0


class Runs:
    """The clock of the tickets that are followed. `policy` and `standing` are those of a ticket, `now` gives seconds since the
    epoch; `wake` is called with a ticket whose time has come."""

    def __init__(
        self,
        policy: Callable[[str], TicketPolicy],
        standing: Callable[[str], Standing],
        now: Callable[[], float],
        wake: Callable[[str], object],
    ) -> None:
        self._policy = policy
        self._standing = standing
        self._now = now
        self._wake = wake
        self._due: dict[str, float] = {}
        self._timers: dict[str, tuple[float, asyncio.TimerHandle]] = {}

    def decide(self, ticket: str) -> Decision:
        """What is done by itself with a publication of `ticket` now."""
        standing = self._standing(ticket)
        return modes.decide(
            self._policy(ticket),
            self._now(),
            self._due_of(ticket),
            paused=standing.paused,
            pinned=bool(standing.pinned),
        )

    def used(self, ticket: str) -> None:
        """What was due is done with."""
        self._due.pop(ticket, None)

    def watch(self, ticket: str) -> None:
        """Have the ticket looked at when its time comes, if it waits for one."""
        when = self.decide(ticket).until
        before, timer = self._timers.pop(ticket, (0.0, None))
        if when and when == before and timer:
            self._timers[ticket] = when, timer
            return
        if timer:
            timer.cancel()
        if when:
            self._sleep(ticket, when)

    def describe(self, ticket: str) -> dict[str, Any]:
        """How the ticket is followed, as the Ticket object tells it; `next_run` in seconds since the epoch, 0 for none."""
        policy, standing = self._policy(ticket), self._standing(ticket)
        due = self._due_of(ticket) if ticket in self._timers else policy.due_after(self._now())
        next_run = modes.next_run(policy, self._now(), due, paused=standing.paused, pinned=bool(standing.pinned))
        return {
            "mode": policy.mode,
            "on_drift": policy.drift,
            "paused": standing.paused,
            "pinned": standing.pinned,
            "next_run": int(next_run),
        }

    def stop(self) -> None:
        """Wake nobody any more."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due_of(self, ticket: str) -> float:
        """The time of the schedule that is not used up. A clock that was set back brings it back too."""
        upcoming = self._policy(ticket).due_after(self._now())
        due = self._due[ticket] = min(self._due.get(ticket, upcoming), upcoming)
        return due

    def _sleep(self, ticket: str, when: float) -> None:
        seconds = min(max(when - self._now(), 0.0), RECHECK)
        loop = asyncio.get_running_loop()
        # Of its own context: what the clock begins belongs to no trace of the day before.
        self._timers[ticket] = when, loop.call_later(seconds, self._ring, ticket, when, context=Context())

    def _ring(self, ticket: str, when: float) -> None:
        del self._timers[ticket]
        if self._now() >= when:
            self._wake(ticket)
        else:
            self.watch(ticket)
