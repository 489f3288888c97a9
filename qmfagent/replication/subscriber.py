"""The other sites' part: keep what this site has of every ticket it does not hold in step with the holder.

Rules of this file: one worker, one ticket at a time, and only the newest state counts: a ticket that is woken ten times is
looked at once. In automatic mode a plan without errors is applied; in manual mode it is only looked at, so that the state
of the replica is known. A withdrawal of everything is never applied automatically. Events wake it; what failed
is looked at again every half minute, so that an answer that was lost leaves no site behind for ever.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from qmfagent.errors import BusError, ConfigurationChanged, QmfAgentError, Refused
from qmfagent.replication.applier import Applied, Applier, Prepared, blocking
from qmfagent.replication.ports import EventSink
from qmfagent.replication.reasons import reason_of
from qmfagent.replication.replica import BEHIND, BLOCKED, FROM, IDLE, IN_SYNC, TO, UNREACHABLE, Replicas

AUTOMATIC, MANUAL = "automatic", "manual"
_ATTEMPTS = 5
RETRY_SECONDS = 30.0

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

    def wake(self, ticket: str, remote: str) -> None:
        """Have a look at `ticket` soon: something has happened to it at `remote`, its presumed holder."""
        self._woken[ticket] = remote
        self._wake.set()

    def wake_blocked(self) -> None:
        """Look again at what was blocked: this site's configuration has changed, or can be seen again."""
        for replica in self._replicas:
            if replica.state == BLOCKED and replica.direction == FROM:
                self.wake(replica.ticket, replica.remote)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work())
            group.create_task(self._retry())

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._woken:
                ticket = next(iter(self._woken))
                remote = self._woken.pop(ticket)
                try:
                    await self._follow(ticket)
                except QmfAgentError as error:
                    self._note_failure(ticket, remote, error)
                except Exception:
                    # A fault of ours with one ticket must not end replication of the others.
                    _log.exception("ticket %s is not replicated from %s", ticket, remote)
                    self._replicas.set(ticket, remote, state=BLOCKED, reason="internal", message="see the agent's log")

    async def _retry(self) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            for replica in self._replicas:
                if replica.direction != TO and replica.state != IN_SYNC and replica.reason not in ("", "holder"):
                    self.wake(replica.ticket, replica.remote)

    async def replicate(self, ticket: str, by: str) -> Applied | None:
        """Bring `ticket` here up to date at once, whatever its mode; None where there was nothing to do.

        Raises what Applier.plan and Applier.apply raise, and Refused where the plan has errors.
        """
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(ConfigurationChanged),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            reraise=True,
        ):
            with attempt:
                return await self._bring(await self._applier.plan(ticket), by)
        return None

    async def _bring(self, prepared: Prepared, by: str) -> Applied | None:
        refusal = blocking(prepared.plan) or (_withdrawal(prepared) if by == AUTOMATIC else None)
        if refusal:
            publication = prepared.publication
            known = self._replicas.get(publication.ticket, publication.site)
            if by != AUTOMATIC or (known.reason, known.published) != (refusal.reason, publication.digest):
                self._applier.failed(publication.ticket, publication, refusal, by)
            self._note(prepared, BLOCKED, reason=refusal.reason, message=str(refusal))
            raise refusal
        if not prepared.plan.changes:
            self._note_sync(prepared)
            return None
        applied = await self._applier.apply(prepared.plan.token, by)
        self.applied(applied)
        return applied

    def applied(self, applied: Applied) -> None:
        """Take note of an apply."""
        self._replicas.set(
            applied.ticket,
            applied.publisher,
            direction=FROM,
            mode=self._mode(applied.ticket),
            state=IN_SYNC,
            published=applied.digest,
            applied=applied.digest,
            applied_at=self._now(),
        )

    async def _follow(self, ticket: str) -> None:
        if self._mode(ticket) == AUTOMATIC:
            await self.replicate(ticket, AUTOMATIC)
            return
        prepared = await self._applier.plan(ticket)
        if prepared.plan.changes or prepared.plan.errors:
            self._note(prepared, BEHIND)
        else:
            self._note_sync(prepared)

    def _note_sync(self, prepared: Prepared) -> None:
        """Take note that there was nothing to apply, and tell it where that is news."""
        publication = prepared.publication
        known = self._replicas.get(publication.ticket, publication.site)
        if (known.state, known.applied) != (IN_SYNC, publication.digest):
            self._note(prepared, IN_SYNC, applied=publication.digest)
            self._emit(
                "in_sync",
                {
                    "site": self._site,
                    "ticket": publication.ticket,
                    "publisher": publication.site,
                    "digest": publication.digest,
                },
            )

    def _note(self, prepared: Prepared, state: str, **values: object) -> None:
        publication = prepared.publication
        self._replicas.set(
            publication.ticket,
            publication.site,
            direction=FROM,
            mode=self._mode(publication.ticket),
            state=state,
            published=publication.digest,
            **values,
        )

    def _note_failure(self, ticket: str, remote: str, error: QmfAgentError) -> None:
        reason, message = reason_of(error), str(error)
        known = self._replicas.get(ticket, remote)
        if reason in ("holder", "no-holder", "not-holder"):
            self._replicas.set(ticket, remote, state=IDLE, reason=reason, message=message)
        elif isinstance(error, BusError) and reason == "unreachable":
            self._replicas.set(ticket, remote, direction=FROM, state=UNREACHABLE, reason=reason, message=message)
        else:
            self._replicas.set(ticket, remote, direction=FROM, state=BLOCKED, reason=reason, message=message)
        if known.reason != reason:
            # That the holder follows nobody is as it should be.
            level = logging.DEBUG if reason == "holder" else logging.WARNING
            _log.log(level, "ticket %s is not replicated from %s: %s", ticket, remote, message)


def _withdrawal(prepared: Prepared) -> Refused | None:
    if not prepared.empty or not prepared.plan.changes:
        return None
    ticket = prepared.plan.ticket
    return Refused(
        "withdrawn",
        f"the holder has nothing any more that depends on ticket {ticket!r}; deleting all of it is never done automatically",
        hint="replicate the ticket by hand to delete it here too",
    )
