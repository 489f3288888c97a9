"""Healing drift: bringing what was edited here back to what was delivered last, where policy says so.

Rules of this file: it heals while newer publications are held, and never while the ticket is paused. Nor before the holder was
heard since the start: a journal that has not been where the agent was meanwhile would have it heal to what is long over. What
fails is told once, and tried again, ever more rarely; so is what keeps coming back after it was healed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from qmfagent.errors import ConfigurationChanged, QmfAgentError, Refused
from qmfagent.policy.healing import Healings
from qmfagent.policy.modes import AUTOMATIC, TicketPolicy, heals
from qmfagent.replication.applying.applier import Applier, blocking
from qmfagent.replication.applying.plans import Source
from qmfagent.replication.following.worker import Worker
from qmfagent.replication.reasons import message_of, reason_of
from qmfagent.trace import Kind, fail, span

RETRY_FIRST, RETRY_MOST = 1.0, 60.0
# The refusals that say no more than that there is nothing to heal.
_NOTHING_TO_HEAL = frozenset({"holder", "not-delivered"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Course:
    """How healing one ticket goes: what was done, the failure told last, and the pause before the next attempt."""

    done: Healings = field(default_factory=Healings)
    failure: tuple[str, str] | None = None
    delay: float = 0.0


class Healer:
    """Heals what policy wants healed. `policy` says how a ticket is followed, `now` gives seconds since the epoch."""

    def __init__(self, applier: Applier, policy: Callable[[str], TicketPolicy], now: Callable[[], float]) -> None:
        self._applier = applier
        self._policy = policy
        self._now = now
        self._courses: dict[str, _Course] = {}
        self._worker = Worker(self._look)
        self.wake = self._worker.wake
        self.run = self._worker.run

    async def _look(self, ticket: str, _: str) -> None:
        with span("heal", kind=Kind.CONSUMER, ticket=ticket):
            try:
                if not heals(self._policy(ticket), paused=self._applier.standing(ticket).paused):
                    return
                if self._applier.fetcher.had(ticket):
                    await self._heal(ticket)
                else:
                    self._later(ticket, self._courses.get(ticket, _Course()))
            except QmfAgentError as error:
                self._failed(ticket, error)
            except Exception as error:
                # A fault of ours with one ticket must not end the healing of others.
                _log.exception("the drift of ticket %s can't be healed", ticket)
                fail(error)

    async def _heal(self, ticket: str) -> None:
        course = self._courses.get(ticket, _Course())
        prepared = await self._applier.plan_heal(ticket)
        if not prepared.plan.changes and not prepared.plan.errors:
            self._courses[ticket] = _Course(course.done)
            return
        refusal = blocking(prepared.plan) or self._contested(ticket, course.done)
        if refusal:
            raise refusal
        await self._applier.carry_out(prepared, AUTOMATIC)
        self._courses[ticket] = _Course(course.done.healed(self._now()))

    def _contested(self, ticket: str, done: Healings) -> Refused | None:
        if not done.wait(self._now()):
            return None
        return Refused(
            "contested",
            f"what was delivered for ticket {ticket!r} was changed here again after each of {done.count} healings",
            hint="find out what else writes it: the drift_found events name it; healing goes on, ever more rarely",
        )

    def _failed(self, ticket: str, error: QmfAgentError) -> None:
        """Tell a failure once, and try again later."""
        course = self._courses.get(ticket, _Course())
        reason = reason_of(error)
        if reason in _NOTHING_TO_HEAL:
            self._courses[ticket] = _Course(course.done)
            return
        fail(error)
        failure = reason, "" if reason == "contested" else message_of(error)
        if failure != course.failure and not isinstance(error, ConfigurationChanged):
            standing = self._applier.standing(ticket)
            self._applier.failed(ticket, Source(standing.publisher, standing.digest), error, AUTOMATIC)
        self._later(ticket, replace(course, failure=failure))

    def _later(self, ticket: str, course: _Course) -> None:
        """Look again, after a pause that is longer every time."""
        delay = min(max(2 * course.delay, RETRY_FIRST), RETRY_MOST)
        self._courses[ticket] = replace(course, delay=delay)
        self._worker.wake_later(max(delay, course.done.wait(self._now())), ticket)
