"""The other sites' part: keep what this site has of every ticket it does not hold in step with the holder.

Rules of this file: one worker, one ticket at a time, and only the newest state counts: a ticket that is woken ten times is
looked at once. In automatic mode a plan without errors is applied; in manual mode it is only looked at, so that the state
of the replica is known. A withdrawal of everything, or what would run
without the ticket, is never applied automatically. What failed and may succeed without an
event that would tell of it (a site that does not answer, a site file that is mended) is tried again, ever more rarely.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from qmfagent.errors import ConfigurationChanged, QmfAgentError, Refused, RemoteError, WriteRejected
from qmfagent.replication.applier import Applied, Applier, blocking
from qmfagent.replication.plans import Prepared
from qmfagent.replication.ports import EventSink
from qmfagent.replication.reasons import message_of, reason_of
from qmfagent.replication.replica import BEHIND, BLOCKED, FROM, IN_SYNC, SPLIT, TO, UNREACHABLE, Replicas
from qmfagent.trace import trace_of, traced

AUTOMATIC, MANUAL = "automatic", "manual"
RETRY_FIRST, RETRY_MOST = 1.0, 30.0
_ATTEMPTS = 5
# The refusals that say no more than that there is nothing to follow.
_NOTHING_TO_FOLLOW = frozenset({"holder", "no-holder", "not-holder"})
# What the other sites' events end, if none is lost.
_TOLD = frozenset({"no-holder", "split"})
# What a holder answers until its configuration changes, and it announces that.
_LASTING = frozenset({"unknown-ticket", "forbidden", "invalid"})

_log = logging.getLogger(__name__)


class Subscriber:
    """Follows the holders of other sites' tickets. `mode` gives the mode of a ticket, `now` seconds since the epoch."""

    def __init__(
        self,
        site: str,
        applier: Applier,
        replicas: Replicas,
        mode: Callable[[str], str],
        now: Callable[[], int],
        emit: EventSink,
    ) -> None:
        self._site = site
        self._emit = emit
        self._applier = applier
        self._replicas = replicas
        self._mode = mode
        self._now = now
        self._woken: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._bringing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._retries: dict[str, tuple[float, asyncio.TimerHandle]] = {}

    def wake(self, ticket: str, remote: str = "") -> None:
        """Have a look at `ticket` soon: something has happened to it at `remote`, or here where that is empty."""
        self._woken[ticket] = remote
        self._wake.set()

    def wake_blocked(self) -> None:
        """Look again at what was blocked: this site's configuration has changed, or can be seen again."""
        for replica in self._replicas:
            if replica.state == BLOCKED and replica.direction == FROM:
                self.wake(replica.ticket, replica.remote)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._woken:
                    ticket = next(iter(self._woken))
                    await self._look(ticket, self._woken.pop(ticket))
        finally:
            for _, timer in self._retries.values():
                timer.cancel()

    async def replicate(self, ticket: str, by: str) -> Applied | None:
        """Bring `ticket` here up to date at once, whatever its mode; None where there was nothing to do.

        Raises what Applier.plan and Applier.apply raise, and Refused where the plan has errors; announces it too.
        """
        try:
            return await self._bring(ticket, by)
        except QmfAgentError as error:
            self._applier.failed(ticket, self._applier.source(ticket), error, by)
            self._note_failure(ticket, "", error)
            raise

    def applied(self, applied: Applied) -> None:
        """Take note of an apply."""
        digest = applied.digest
        self._note(applied.ticket, applied.publisher, IN_SYNC, published=digest, applied=digest, applied_at=self._now())

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
        prepared = await self._applier.plan(ticket)
        refusal = blocking(prepared.plan) or (_wants_a_person(prepared) if by == AUTOMATIC else None)
        if refusal:
            raise refusal
        if not prepared.plan.changes:
            self._note_sync(prepared)
            return None
        applied = await self._applier.carry_out(prepared, by)
        self.applied(applied)
        return applied

    # -- the worker

    async def _look(self, ticket: str, remote: str) -> None:
        with traced(trace_of()):
            await self._look_traced(ticket, remote)

    async def _look_traced(self, ticket: str, remote: str) -> None:
        automatic = self._mode(ticket) == AUTOMATIC
        try:
            if automatic:
                await self._bring(ticket, AUTOMATIC)
            else:
                await self._examine(ticket)
            self._settled(ticket)
        except QmfAgentError as error:
            if automatic and self._is_news(ticket, remote, error):
                self._applier.failed(ticket, self._applier.source(ticket), error, AUTOMATIC)
            self._note_failure(ticket, remote, error)
        except Exception:
            # A fault of ours with one ticket must not end replication of the others.
            _log.exception("ticket %s is not replicated", ticket)
            for each in self._concerned(ticket, remote):
                self._replicas.set(ticket, each, state=BLOCKED, reason="internal", message="see the agent's log")
            self._retry(ticket, remote)

    async def _examine(self, ticket: str) -> None:
        prepared = await self._applier.plan(ticket)
        refusal = blocking(prepared.plan)
        if refusal:
            raise refusal
        if prepared.plan.changes:
            self._note(ticket, prepared.publication.site, BEHIND, published=prepared.publication.digest)
        else:
            self._note_sync(prepared)

    def _retry(self, ticket: str, remote: str, least: float = RETRY_FIRST) -> None:
        delay, timer = self._retries.get(ticket, (0.0, None))
        if timer:
            timer.cancel()
        delay = min(max(2 * delay, least), RETRY_MOST)
        self._retries[ticket] = delay, asyncio.get_running_loop().call_later(delay, self.wake, ticket, remote)

    def _settled(self, ticket: str) -> None:
        _, timer = self._retries.pop(ticket, (0.0, None))
        if timer:
            timer.cancel()

    # -- what becomes of the replicas

    def _note_sync(self, prepared: Prepared) -> None:
        """Take note that there was nothing to apply, and tell it where that is news."""
        publication = prepared.publication
        ticket, digest = publication.ticket, publication.digest
        known = self._replicas.get(ticket, publication.site)
        self._note(ticket, publication.site, IN_SYNC, published=digest, applied=digest)
        if (known.direction, known.state, known.applied) != (FROM, IN_SYNC, digest):
            self._emit(
                "in_sync",
                {"site": self._site, "ticket": ticket, "publisher": publication.site, "digest": digest},
            )

    def _note(self, ticket: str, holder: str, state: str, **values: object) -> None:
        self._replicas.set(ticket, holder, direction=FROM, mode=self._mode(ticket), state=state, **values)
        self._replicas.release(ticket, holder)

    def _note_failure(self, ticket: str, remote: str, error: QmfAgentError) -> None:
        reason, message = reason_of(error), message_of(error)
        if reason == "holder":
            self._replicas.agreed(ticket)
        elif reason in _NOTHING_TO_FOLLOW:
            self._replicas.release(ticket, reason=reason, message=message)
        else:
            if self._is_news(ticket, remote, error):
                _log.warning("ticket %s is not replicated: %s", ticket, message)
            digest = self._applier.source(ticket).digest
            values = {"direction": FROM, "mode": self._mode(ticket)} if reason != SPLIT else {}
            if digest:
                values["published"] = digest
            values |= {"state": UNREACHABLE if reason == "unreachable" else BLOCKED}
            for each in self._concerned(ticket, remote, everyone=reason == SPLIT):
                self._replicas.set(ticket, each, **values, reason=reason, message=message)
        if _may_pass(error):
            self._retry(ticket, remote)
        elif reason in _TOLD:
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
