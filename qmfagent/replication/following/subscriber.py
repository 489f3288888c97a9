"""The other sites' part: keep what this site has of every ticket it does not hold in step with the holder.

Rules of this file: one worker, one ticket at a time, and only the newest state counts. Where policy lets a plan without errors
be applied by itself, it is; where something holds it back it is only looked at, so that the state of the replica is known. A
withdrawal of everything, or what would run without the ticket, is never applied by itself, nor is drift overwritten that is to
be kept. What failed and may succeed without an event that would tell of it (a site that does not answer, a site file that is
mended) is tried again, ever more rarely.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from qmfagent.errors import ConfigurationChanged, QmfAgentError, Refused, RemoteError, WriteRejected
from qmfagent.policy.modes import AUTOMATIC, KEEP, TicketPolicy
from qmfagent.replication.applying.applier import Applier, blocking
from qmfagent.replication.applying.plans import PUBLICATION, Prepared
from qmfagent.replication.applying.writer import Applied
from qmfagent.replication.following.replica import BEHIND, BLOCKED, FROM, IN_SYNC, SPLIT, TO, UNREACHABLE, Replicas
from qmfagent.replication.following.runs import Runs
from qmfagent.replication.following.worker import Worker
from qmfagent.replication.reasons import message_of, reason_of
from qmfagent.trace import Kind, fail, span

RETRY_FIRST, RETRY_MOST = 1.0, 30.0
_ATTEMPTS = 5
# The refusals that say no more than that there is nothing to follow.
_NOTHING_TO_FOLLOW = frozenset({"holder", "no-holder", "not-holder"})
# What the other sites' events end, if none is lost.
_TOLD = frozenset({"no-holder", "split"})
# What ends without a word: the agent is installed.
_UNTOLD = frozenset({"no-agent"})
# What a holder answers until its configuration changes, and it announces that.
_LASTING = frozenset({"unknown-ticket", "forbidden", "invalid"})

_log = logging.getLogger(__name__)


class Subscriber:
    """Follows the holders of other sites' tickets. `policy` says how each ticket is followed, `now` seconds since the epoch."""

    def __init__(
        self,
        applier: Applier,
        replicas: Replicas,
        policy: Callable[[str], TicketPolicy],
        now: Callable[[], float],
    ) -> None:
        self._applier = applier
        self._replicas = replicas
        self._policy = policy
        self._now = now
        self._worker = Worker(self._look)
        self.wake = self._worker.wake
        self.runs = Runs(policy, applier.standing, now, self.wake)
        self._bringing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._delays: dict[str, float] = {}
        self._last: dict[str, Applied] = {}

    def wake_blocked(self) -> None:
        """Look again at what was blocked: this site's configuration has changed, or can be seen again."""
        for replica in self._replicas:
            if replica.state == BLOCKED and replica.direction == FROM:
                self.wake(replica.ticket, replica.remote)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._worker.run()
        finally:
            self.runs.stop()

    async def replicate(self, ticket: str, by: str) -> Applied | None:
        """Bring `ticket` here up to date at once, whatever its mode and whatever holds it; None where there was nothing to do.

        What holds it stays. Raises what Applier.plan and Applier.apply raise, and Refused where the plan has errors; announces
        it too.
        """
        try:
            return await self._bring(ticket, by)
        except QmfAgentError as error:
            self._applier.failed(ticket, self._applier.source(ticket), error, by)
            self._note_failure(ticket, "", error)
            raise

    def applied(self, applied: Applied) -> None:
        """Take note of an apply."""
        self._last[applied.ticket] = applied
        ticket, done = applied.ticket, {"applied": applied.digest, "applied_at": int(self._now())}
        if applied.cause == PUBLICATION:
            self._note(ticket, applied.publisher, IN_SYNC, published=applied.digest, **done)
            return
        for replica in self._replicas.of_ticket(ticket):
            if replica.direction == FROM:
                self._replicas.set(ticket, replica.remote, **done)
        self.wake(ticket)

    async def _bring(self, ticket: str, by: str) -> Applied | None:
        # One at a time: two would make the same plan, and the slower one find it used up.
        async with self._bringing[ticket]:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(ConfigurationChanged),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random_exponential(multiplier=0.05, max=1),
                reraise=True,
            ):
                with attempt:
                    return await self._plan_and_apply(ticket, by)
        raise AssertionError("unreachable: the last attempt raises")

    async def _plan_and_apply(self, ticket: str, by: str) -> Applied | None:
        prepared = await self._planned(ticket)
        refusal = _wants_a_person(prepared) if by == AUTOMATIC else None
        if refusal:
            raise refusal
        if not prepared.plan.changes:
            return None
        if by == AUTOMATIC and (hold := self.runs.decide(ticket).hold):
            # It was paused, or a change of it rolled back, while this was planned.
            self._note_behind(prepared, hold)
            return None
        applied = await self._applier.carry_out(prepared, by)
        self.applied(applied)
        return applied

    async def _planned(self, ticket: str) -> Prepared:
        """A plan without errors; where there is nothing to do, note is taken of that."""
        before = self._applier.standing(ticket)
        prepared = await self._applier.plan(ticket, keep_drift=self._policy(ticket).drift == KEEP)
        refusal = blocking(prepared.plan)
        if refusal:
            raise refusal
        if not prepared.plan.changes:
            self._note_sync(prepared, told=self._applier.standing(ticket) != before)
        return prepared

    # -- the worker

    async def _look(self, ticket: str, remote: str) -> None:
        with span("follow", kind=Kind.CONSUMER, ticket=ticket, remote=remote):
            await self._look_traced(ticket, remote)

    async def _look_traced(self, ticket: str, remote: str) -> None:
        hold, last, ours = self.runs.decide(ticket).hold, self._last.get(ticket), None
        try:
            ours = await self._followed(ticket, hold)
            self._settled(ticket)
        except QmfAgentError as error:
            if not hold and self._is_news(ticket, remote, error):
                self._applier.failed(ticket, self._applier.source(ticket), error, AUTOMATIC)
            self._note_failure(ticket, remote, error)
        except Exception as error:
            # A fault of ours with one ticket must not end replication of the others.
            _log.exception("ticket %s is not replicated", ticket)
            fail(error)
            for each in self._concerned(ticket, remote):
                self._replicas.set(ticket, each, state=BLOCKED, reason="internal", message="see the agent's log")
            self._retry(ticket, remote)
        if not any(self._last.get(ticket) is each for each in (last, ours)):
            # What was found is of the time before somebody's apply.
            self.wake(ticket, remote)
        if not hold and ticket not in self._delays:
            self.runs.used(ticket)
        self.runs.watch(ticket)

    async def _followed(self, ticket: str, hold: str) -> Applied | None:
        """Do what is to be done by itself: what was applied by it."""
        try:
            if not hold:
                return await self._bring(ticket, AUTOMATIC)
            await self._examine(ticket, hold)
        except Refused as refused:
            if refused.reason == "holder":
                await self._applier.held(ticket)
            raise
        return None

    async def _examine(self, ticket: str, hold: str) -> None:
        last = self._last.get(ticket)
        prepared = await self._planned(ticket)
        if prepared.plan.changes and self._last.get(ticket) is last:
            self._note_behind(prepared, hold)

    def _retry(self, ticket: str, remote: str, least: float = RETRY_FIRST) -> None:
        delay = self._delays[ticket] = min(max(2 * self._delays.get(ticket, 0.0), least), RETRY_MOST)
        self._worker.wake_later(delay, ticket, remote)

    def _settled(self, ticket: str) -> None:
        self._delays.pop(ticket, None)
        self._worker.forget(ticket)

    # -- what becomes of the replicas

    def _note_sync(self, prepared: Prepared, told: bool) -> None:
        """Take note that there was nothing to apply, and tell it where that is news and was not told."""
        ticket, holder, digest = prepared.plan.ticket, prepared.source.site, prepared.source.digest
        known = self._replicas.get(ticket, holder)
        self._note(ticket, holder, IN_SYNC, published=digest, applied=digest)
        if not told and (known.direction, known.state, known.applied) != (FROM, IN_SYNC, digest):
            self._applier.agree(prepared, news=True)

    def _note_behind(self, prepared: Prepared, hold: str) -> None:
        """Take note that there is something to apply, and why it waits."""
        source = prepared.source
        self._note(prepared.plan.ticket, source.site, BEHIND, published=source.digest, hold=hold)

    def _note(self, ticket: str, holder: str, state: str, **values: object) -> None:
        self._replicas.set(ticket, holder, direction=FROM, mode=self._policy(ticket).mode, state=state, **values)
        self._replicas.release(ticket, holder)

    def _note_failure(self, ticket: str, remote: str, error: QmfAgentError) -> None:
        reason, message = reason_of(error), message_of(error)
        if reason == "holder":
            self._replicas.agreed(ticket)
        elif reason in _NOTHING_TO_FOLLOW:
            self._replicas.release(ticket, reason=reason, message=message)
        else:
            fail(error)
            if self._is_news(ticket, remote, error):
                _log.warning("ticket %s is not replicated: %s", ticket, message)
            digest = self._applier.source(ticket).digest
            values = {"direction": FROM, "mode": self._policy(ticket).mode} if reason != SPLIT else {}
            if digest:
                values["published"] = digest
            values |= {"state": UNREACHABLE if reason == "unreachable" else BLOCKED}
            for each in self._concerned(ticket, remote, everyone=reason == SPLIT):
                self._replicas.set(ticket, each, **values, reason=reason, message=message)
        if _may_pass(error):
            self._retry(ticket, remote)
        elif reason in _TOLD or reason in _UNTOLD:
            self._retry(ticket, remote, RETRY_MOST)
        else:
            self._settled(ticket)

    def _is_news(self, ticket: str, remote: str, error: QmfAgentError) -> bool:
        """Whether the replicas don't show this failure, with this publication, yet."""
        reason = reason_of(error)
        if reason in _NOTHING_TO_FOLLOW:
            return False
        told = reason, message_of(error), self._applier.source(ticket).digest
        known = [self._replicas.get(ticket, each) for each in self._concerned(ticket, remote, reason == SPLIT)]
        return any((r.reason, r.message, r.published if told[2] else "") != told for r in known)

    def _concerned(self, ticket: str, remote: str, everyone: bool = False) -> list[str]:
        """The sites whose replicas show a failure: the holder, if it was found out; else who was followed, or woke us."""
        replicas = self._replicas.of_ticket(ticket)
        if everyone:
            return sorted({replica.remote for replica in replicas} | ({remote} - {""}))
        holder = self._applier.source(ticket).site
        followed = [replica.remote for replica in replicas if replica.direction == FROM]
        found = [holder] if holder else followed or ([remote] if remote else [])
        return [each for each in found if self._replicas.get(ticket, each).direction != TO]


def _may_pass(error: QmfAgentError) -> bool:
    """Whether trying again may help although nothing tells of a change."""
    if isinstance(error, RemoteError):
        return error.reason not in _LASTING
    return not isinstance(error, (Refused, WriteRejected))


def _wants_a_person(prepared: Prepared) -> Refused | None:
    """What is never done automatically."""
    ticket = prepared.plan.ticket
    if prepared.empty and prepared.plan.changes:
        return Refused(
            "withdrawn",
            f"the holder has nothing any more that depends on ticket {ticket!r};"
            " deleting all of it is never done automatically",
            hint="replicate the ticket by hand to delete it here too",
        )
    independent = [problem.message for problem in prepared.plan.problems if problem.code == "independent"]
    if independent and prepared.plan.changes:
        return Refused("independent", "; ".join(independent), hint="or replicate the ticket by hand")
    return None
