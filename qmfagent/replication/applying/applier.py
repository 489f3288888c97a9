"""Plans for this site, by their tokens, and their application: exactly one plan, in one write, or nothing.

Rules of this file: a token names one plan on one configuration, and does what that plan shows or is refused. What was planned
because somebody asked for it is recorded. What is shown holds no secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import QmfAgentError, Refused
from qmfagent.replication.applying.acceptance import Acceptance, allowed_agents
from qmfagent.replication.applying.planner import Draft, Planner
from qmfagent.replication.applying.plans import HEALING, PUBLICATION, ROLLBACK, Plans, Prepared, Source
from qmfagent.replication.applying.writer import Applied, Writer
from qmfagent.replication.holders import Holders
from qmfagent.replication.order import held
from qmfagent.replication.ports import (
    APPLY,
    PLAN,
    AgentsLearner,
    Checks,
    CibStore,
    Ledger,
    Mangler,
    Measure,
    NoChecks,
    NoSimulator,
    Remotes,
    Simulator,
    nothing_to_learn,
    unmeasured,
)
from qmfagent.replication.publishing.fetching import Fetcher
from qmfagent.replication.standing import STANDING, Standing
from qmfagent.replication.standings import Standings
from qmfagent.trace import current_trace, note, span

MAX_NAMED = 10


class Applier:
    """Plans and applies at `site`: publications, rollbacks of earlier changes, and the healing of drift."""

    def __init__(
        self,
        site: str,
        store: CibStore,
        remotes: Remotes,
        mangler: Mangler,
        ledger: Ledger,
        acceptance: Acceptance,
        learn: AgentsLearner = nothing_to_learn,
        checks: Checks | None = None,
        simulator: Simulator | None = None,
        on_agreed: Callable[[str], object] = lambda ticket: None,
        measure: Measure = unmeasured,
    ) -> None:
        """`learn` has what is known of agents completed before a plan is shown, `checks` look at every plan that could be
        applied, and `simulator` at those that somebody asks for; `on_agreed` is called with a ticket when what is published
        was found to stand here already, though it was not delivered by this journal's record; plans and writes are made
        inside of `measure`."""
        self._on_agreed = on_agreed
        self._measure = measure
        self._site = site
        self._store = store
        self._ledger = ledger
        self._acceptance = acceptance
        self._learn = learn
        self._simulator = simulator or NoSimulator()
        self._standings = Standings(ledger)
        holders = Holders(site, store, remotes)
        self.fetcher = Fetcher(remotes, acceptance.signers)
        self._writer = Writer(site, store, ledger, holders, self._standings)
        self._planner = Planner(
            store,
            self.fetcher,
            mangler,
            ledger,
            acceptance,
            checks or NoChecks(),
            holders,
            self._standings,
            self._writer.writing,
        )
        self.plans = Plans()

    def source(self, ticket: str) -> Source:
        """Where the last attempt at a plan for `ticket` had it from; of no site where it did not get as far."""
        return self._planner.source(ticket)

    def ticket_of(self, token: str) -> str | None:
        """The ticket of the plan that `token` names; None where it names none."""
        prepared = self.plans.find(token)
        return prepared.plan.ticket if prepared else None

    # -- planning

    async def plan(self, ticket: str, *, adopt: bool = False, keep_drift: bool = False) -> Prepared:
        """What replication of `ticket` from its holder would change here.

        With `adopt` local elements of the ticket that no apply has delivered are taken over; with `keep_drift` what was
        edited here stays where the publication leaves it as it was delivered. Raises as Planner.for_publication does.
        """
        return self._kept((await self._for_publication(ticket, adopt=adopt, keep_drift=keep_drift)).prepared)

    async def plan_rollback(self, change: int) -> Prepared:
        """What would bring back what was owned before that change. Raises as Planner.for_rollback does."""
        return self._kept((await self._for_rollback(change)).prepared)

    async def plan_heal(self, ticket: str) -> Prepared:
        """What would bring back what was delivered last. Raises as Planner.for_healing does."""
        return self._kept((await self._for_healing(ticket)).prepared)

    async def show(self, ticket: str, by: str, *, adopt: bool = False) -> tuple[Prepared, dict[str, Any]]:
        """The plan of the same, made for `by`, with a preview, and as plain values without secrets. Raises as plan does."""
        return await self._shown(await self._for_publication(ticket, adopt=adopt, keep_drift=False), by)

    async def show_rollback(self, change: int, by: str) -> tuple[Prepared, dict[str, Any]]:
        """The like of plan_rollback."""
        return await self._shown(await self._for_rollback(change), by)

    async def show_heal(self, ticket: str, by: str) -> tuple[Prepared, dict[str, Any]]:
        """The like of plan_heal."""
        return await self._shown(await self._for_healing(ticket), by)

    def _for_publication(self, ticket: str, *, adopt: bool, keep_drift: bool) -> Awaitable[Draft]:
        return self._measured(PUBLICATION, self._planner.for_publication(ticket, adopt=adopt, keep_drift=keep_drift))

    def _for_rollback(self, change: int) -> Awaitable[Draft]:
        return self._measured(ROLLBACK, self._planner.for_rollback(change))

    def _for_healing(self, ticket: str) -> Awaitable[Draft]:
        return self._measured(HEALING, self._planner.for_healing(ticket))

    async def _measured(self, cause: str, planning: Awaitable[Draft]) -> Draft:
        with span(PLAN, cause=cause), self._measure(PLAN, cause):
            draft = await planning
            plan = draft.prepared.plan
            note(ticket=plan.ticket, changes=len(plan.changes), publisher=draft.prepared.source.site)
            return draft

    async def _shown(self, draft: Draft, by: str) -> tuple[Prepared, dict[str, Any]]:
        prepared = draft.prepared
        if prepared.plan.token:
            preview = await self._simulator.preview(draft.target, draft.candidate)
            prepared = replace(prepared, plan=replace(prepared.plan, preview=preview))
        plan = self._kept(prepared).plan
        if not any(problem.code == "agent-not-allowed" for problem in plan.errors):
            await self._learn(allowed_agents(draft.wanted))
        values = await asyncio.to_thread(self._acceptance.shown, plan, draft.target, draft.wanted, draft.published)
        self._ledger.record(
            "planned",
            {
                "site": self._site,
                "ticket": plan.ticket,
                "cause": prepared.cause,
                "publisher": prepared.source.site,
                "digest": prepared.source.digest,
                "count": len(plan.changes),
                "by": by,
                "trace": current_trace(),
            },
        )
        return prepared, values

    def _kept(self, prepared: Prepared) -> Prepared:
        if prepared.plan.token:
            self.plans.keep(prepared)
        elif prepared.publication and not prepared.plan.changes and not prepared.plan.errors:
            self.agree(prepared)
        return prepared

    # -- applying

    async def apply(self, token: str, by: str) -> Applied:
        """Carry out the plan that `token` names, for `by`, and announce what came of it.

        Raises Refused (unknown-token, holder, split, no-holder, holder-changed, stale), BusError where a site can't be
        asked, and ClusterError, above all ConfigurationChanged; nothing is written then. What has changed since the plan is
        told.
        """
        prepared = self.plans.get(token)
        try:
            return await self.carry_out(prepared, by)
        except QmfAgentError as error:
            self.failed(prepared.plan.ticket, prepared.source, error, by)
            raise

    async def carry_out(self, prepared: Prepared, by: str) -> Applied:
        """Carry out a plan without errors, and announce it. Raises as apply does; of a failure that comes before anything is
        written nothing is announced."""
        with span(APPLY, ticket=prepared.plan.ticket, cause=prepared.cause), self._measure(APPLY, prepared.cause):
            applied = await self._writer.write(prepared, by)
            note(change=applied.change, changes=applied.changes, version=str(applied.version))
        self.plans.discard(prepared.plan.token, f"it was carried out, as change {applied.change}")
        return applied

    def failed(self, ticket: str, source: Source, error: QmfAgentError, by: str) -> None:
        """Announce that `ticket` was not applied, unless this error was announced already."""
        self._writer.failed(ticket, source, error, by)

    async def recover(self, snapshot: Snapshot) -> None:
        """Settle what an earlier run of the agent left unfinished, by what `snapshot` shows; before anything else is done."""
        await self._writer.recover(snapshot)

    # -- standing

    def standing(self, ticket: str) -> Standing:
        """Where this site stands with `ticket`."""
        return self._standings.get(ticket)

    def measured(self, ticket: str, snapshot: Snapshot) -> Mapping[str, bytes]:
        """The canonical lines, by id, of what was delivered last for `ticket`, as far as `snapshot` has to be like that; none
        where it may be otherwise. Raises CibError where they can't be read."""
        return self._standings.measured(ticket, snapshot)

    @property
    def quiet(self) -> asyncio.Lock:
        """Held while something is written, so that the CIB and what is known of it may not belong together."""
        return self._writer.writing

    def hold(self, ticket: str, by: str, *, paused: bool | None = None, pinned: int | None = None) -> Standing:
        """Change what holds `ticket` here, and announce it where that is news: where the site stands then."""
        standing = self._standings.get(ticket)
        held = replace(
            standing,
            paused=standing.paused if paused is None else paused,
            pinned=standing.pinned if pinned is None else pinned,
        )
        if held != standing:
            values = {"ticket": ticket, "paused": held.paused, "pinned": held.pinned}
            self._ledger.record("hold_changed", {"site": self._site, **values, "by": by}, standing=held)
        return held

    async def held(self, ticket: str) -> None:
        """Take note that this site holds `ticket`, and that no other one claims it: nothing of an older grant is to overwrite
        what is here. Raises Disconnected."""
        snapshot = await self._store.snapshot()
        standing, state = self._standings.get(ticket), snapshot.tickets.get(ticket)
        if state is None or not state.granted:
            return
        renewed = held(standing, self._site, state.term, snapshot.version)
        if renewed != standing:
            self._ledger.record(STANDING, {"site": self._site, **renewed.told()}, standing=renewed)

    def agree(self, prepared: Prepared, *, news: bool = False) -> None:
        """Take note that what is published stands here already; tell it where that changes where the site stands, or is
        `news` to who asks."""
        standing, known = self._standings.after(prepared), self._standings.get(prepared.plan.ticket)
        if not news and standing == known:
            return
        self._ledger.record(
            "in_sync",
            {
                "site": self._site,
                "ticket": standing.ticket,
                "publisher": prepared.source.site,
                "digest": prepared.source.digest,
            },
            documents=() if standing.delivered in ("", known.delivered) else (prepared.delivered.canonical,),
            standing=standing,
        )
        self._standings.remember(prepared.delivered)
        self._on_agreed(standing.ticket)


def blocking(plan: Plan) -> Refused | None:
    """The plan's errors as one refusal, named after the first; None where there are none."""
    if not plan.errors:
        return None
    named = "; ".join(problem.message for problem in plan.errors[:MAX_NAMED])
    more = len(plan.errors) - MAX_NAMED
    return Refused(plan.errors[0].code, f"{named}; and {more} more" if more > 0 else named)
