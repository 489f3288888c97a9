"""Plans for this site, and their application: exactly one plan, in one write, or nothing.

Rules of this file: the holder is asked for afresh at every plan and again before every write; a token names one plan on
one configuration, and does what that plan shows or is refused. (term, version) of what is applied never goes back. Applies
follow one another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from qmfagent.cib.closure import Closure
from qmfagent.cib.plan import Plan
from qmfagent.cib.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import CibError, QmfAgentError, Refused
from qmfagent.replication.acceptance import Acceptance, allowed_agents
from qmfagent.replication.authority import publishing_site
from qmfagent.replication.plans import Plans, Prepared
from qmfagent.replication.ports import AgentsLearner, CibStore, EventSink, Mangler, Remotes, nothing_to_learn
from qmfagent.replication.publication import Publication
from qmfagent.replication.reasons import message_of, reason_of
from qmfagent.trace import current_trace

MAX_MANGLING = 2
MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did: the number of changes written, and the CIB's version afterwards."""

    ticket: str
    publisher: str
    digest: str
    changes: int
    version: Version


@dataclass(frozen=True, slots=True)
class Source:
    """Where the last plan for a ticket came from: the holder, and the digest it published, empty where it did not come."""

    site: str
    digest: str = ""


class Applier:
    """Plans and applies publications at `site`."""

    def __init__(
        self,
        site: str,
        store: CibStore,
        remotes: Remotes,
        mangler: Mangler,
        emit: EventSink,
        acceptance: Acceptance,
        learn: AgentsLearner = nothing_to_learn,
    ) -> None:
        """`learn` has what is known of agents completed before a plan is shown."""
        self._site = site
        self._store = store
        self._remotes = remotes
        self._mangler = mangler
        self._emit = emit
        self._acceptance = acceptance
        self._learn = learn
        self.plans = Plans()
        self._sources: dict[str, Source] = {}
        self._applied: dict[str, Publication] = {}
        self._writing = asyncio.Lock()
        # A site's own XSLT steps may take seconds each, in threads that the CIB store needs too.
        self._mangling = asyncio.Semaphore(MAX_MANGLING)

    def source(self, ticket: str) -> Source:
        """Where the last attempt at a plan for `ticket` had it from; of no site where it did not get as far."""
        return self._sources.get(ticket, Source(""))

    def ticket_of(self, token: str) -> str | None:
        """The ticket of the plan that `token` names; None where it names none."""
        prepared = self.plans.find(token)
        return prepared.plan.ticket if prepared else None

    async def plan(self, ticket: str, *, adopt: bool = False) -> Prepared:
        """What replication of `ticket` from its holder would change here.

        Raises Refused (holder, split, no-holder, unknown-signer, unsigned, bad-signature, stale), BusError where a site
        can't be asked, InputError where the publication or this site's own rules can't be used, and Disconnected.
        """
        return (await self._prepare(ticket, adopt))[0]

    async def show(self, ticket: str, *, adopt: bool = False) -> tuple[Prepared, dict[str, Any]]:
        """The same, and the plan as plain values without secrets. Raises as plan does."""
        prepared, target, mangled = await self._prepare(ticket, adopt)
        if not any(problem.code == "agent-not-allowed" for problem in prepared.plan.errors):
            await self._learn(allowed_agents(mangled))
        return prepared, await asyncio.to_thread(self._acceptance.shown, prepared.plan, target, mangled)

    async def _prepare(self, ticket: str, adopt: bool) -> tuple[Prepared, Snapshot, Closure]:
        self._sources.pop(ticket, None)
        holder = await self._holder(ticket)
        self._sources[ticket] = Source(holder)
        publication = await self._remotes.publication(holder, ticket)
        if publication.site != holder:
            raise CibError(f"the publication of ticket {ticket!r} by {holder} says that it is {publication.site!r}'s")
        self._acceptance.signers.check(publication)
        self._sources[ticket] = Source(holder, publication.digest)
        self._check_order(publication)
        closure = publication.closure()
        async with self._mangling:
            mangled, overrides = await asyncio.to_thread(self._mangler, closure)
            problems = await asyncio.to_thread(self._acceptance.problems, mangled)
        target = await self._store.snapshot()
        plan = make_plan(target, mangled, overrides=overrides, adopt=adopt, problems=problems)
        prepared = Prepared(plan, publication, not closure.lines)
        if not plan.changes and not plan.errors:
            self._note(publication)
        if plan.token:
            self.plans.keep(prepared)
        return prepared, target, mangled

    async def apply(self, token: str, by: str) -> Applied:
        """Carry out the plan that `token` names, for `by`, and announce what came of it.

        Raises Refused (unknown-token, holder, split, no-holder, holder-changed, stale), BusError where a site can't be
        asked, and ClusterError, above all ConfigurationChanged; nothing is written then.
        """
        prepared = self.plans.get(token)
        try:
            return await self.carry_out(prepared, by)
        except QmfAgentError as error:
            self.failed(prepared.plan.ticket, Source(prepared.publication.site, prepared.publication.digest), error, by)
            raise

    async def carry_out(self, prepared: Prepared, by: str) -> Applied:
        """Carry out a plan without errors, and announce it. Raises as apply does, and announces no failure."""
        plan, publication = prepared.plan, prepared.publication
        async with self._writing:
            await self._check_holder(publication)
            self._check_order(publication)
            version = await self._store.apply(plan.patchset, plan.base_digest)
            self._note(publication)
        self.plans.discard(plan.token)
        applied = Applied(plan.ticket, publication.site, publication.digest, len(plan.changes), version)
        self._emit(
            "applied",
            {
                "site": self._site,
                "ticket": applied.ticket,
                "publisher": applied.publisher,
                "digest": applied.digest,
                "count": applied.changes,
                "version": str(applied.version),
                "by": by,
                "trace": current_trace(),
            },
        )
        return applied

    def failed(self, ticket: str, source: Source, error: QmfAgentError, by: str) -> None:
        """Announce that `ticket` was not applied."""
        self._emit(
            "apply_failed",
            {
                "site": self._site,
                "ticket": ticket,
                "publisher": source.site,
                "digest": source.digest,
                "reason": reason_of(error),
                "message": message_of(error),
                "by": by,
                "trace": current_trace(),
            },
        )

    def _note(self, publication: Publication) -> None:
        """Remember what is applied now; its order alone is needed, not the document."""
        if not self._is_older(publication):
            self._applied[publication.ticket] = replace(publication, xml=b"")

    async def _holder(self, ticket: str) -> str:
        claims = await self._remotes.claims(ticket)
        snapshot = await self._store.snapshot()
        return publishing_site(ticket, self._site, snapshot.tickets.get(ticket), claims)

    async def _check_holder(self, publication: Publication) -> None:
        holder = await self._holder(publication.ticket)
        if holder != publication.site:
            raise Refused(
                "holder-changed",
                f"the plan is for a publication of {publication.site}, but {holder} holds ticket {publication.ticket!r} now",
                hint="plan again",
            )

    def _check_order(self, publication: Publication) -> None:
        newest = self._applied.get(publication.ticket)
        if newest and publication.digest != newest.digest and self._is_older(publication):
            raise Refused(
                "stale",
                f"the publication {publication.version} of term {publication.term} by {publication.site} is older than"
                f" {newest.version} of term {newest.term} by {newest.site}, which is applied here already",
            )

    def _is_older(self, publication: Publication) -> bool:
        newest = self._applied.get(publication.ticket)
        if newest is None:
            return False
        # Versions of different sites say nothing of each other.
        same_grant = publication.site == newest.site and publication.term == newest.term
        return publication.term < newest.term or (same_grant and publication.version < newest.version)


def blocking(plan: Plan) -> Refused | None:
    """The plan's errors as one refusal, named after the first; None where there are none."""
    if not plan.errors:
        return None
    named = "; ".join(problem.message for problem in plan.errors[:MAX_NAMED])
    more = len(plan.errors) - MAX_NAMED
    return Refused(plan.errors[0].code, f"{named}; and {more} more" if more > 0 else named)
