"""What would bring a ticket's configuration here to its holder's publication, or back to what it was.

Rules of this file: nothing is written, to the CIB or to the ledger. The holder is asked for afresh at every plan. What stands
in the CIB and what was delivered are never taken from before and from after a write. A plan that has an error is never looked
at by Pacemaker's tools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.mangle import Mangled
from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.plans.drift import find_drift
from qmfagent.cib.plans.members import pick_members
from qmfagent.cib.plans.plan import Plan, Problem, Published
from qmfagent.cib.plans.planning import make_plan, make_restoration
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import Refused
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.applying.plans import HEALING, ROLLBACK, Prepared, Source
from qmfagent.replication.applying.rollback import before_change
from qmfagent.replication.authority import Claim
from qmfagent.replication.holders import Holders
from qmfagent.replication.order import check_grant, check_order
from qmfagent.replication.ports import Checks, CibStore, Ledger, Mangler
from qmfagent.replication.publishing.fetching import Fetcher
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.standings import Standings

MAX_MANGLING = 2

_NOTHING: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan as it was made: for `target`, which becomes `candidate` by it, and has `wanted` then.

    `published` is what the holder publishes, before this site's own rules; `wanted` itself where the plan is for no
    publication.
    """

    prepared: Prepared
    target: Snapshot
    candidate: Snapshot
    wanted: Closure
    published: Closure


class Planner:
    """Makes plans for one site."""

    def __init__(
        self,
        store: CibStore,
        fetcher: Fetcher,
        mangler: Mangler,
        ledger: Ledger,
        acceptance: Acceptance,
        checks: Checks,
        holders: Holders,
        standings: Standings,
        quiet: asyncio.Lock,
    ) -> None:
        """`quiet` is held while something is written."""
        self._store = store
        self._fetcher = fetcher
        self._mangler = mangler
        self._ledger = ledger
        self._acceptance = acceptance
        self._checks = checks
        self._holders = holders
        self._standings = standings
        self._quiet = quiet
        self._sources: dict[str, Source] = {}
        # A site's own XSLT steps may take seconds each, in threads that the CIB store needs too.
        self._mangling = asyncio.Semaphore(MAX_MANGLING)

    def source(self, ticket: str) -> Source:
        """Where the last attempt at a plan for `ticket` had it from; of no site where it did not get as far."""
        return self._sources.get(ticket, Source())

    async def for_publication(self, ticket: str, *, adopt: bool, keep_drift: bool) -> Draft:
        """What replication of `ticket` from its holder would change here.

        Raises Refused (holder, split, no-holder, version, unknown-signer, unsigned, bad-signature, stale), BusError where
        a site can't be asked, InputError where the publication or this site's own rules can't be used, and Disconnected.
        """
        claim, publication = await self._announced(ticket)
        source = self._sources[ticket] = Source(claim.site, publication.digest)
        check_grant(claim, publication)
        check_order(self._standings.get(ticket), publication)
        closure = await self._fetcher.closure(publication)
        async with self._mangling:
            mangled, problems = await asyncio.to_thread(self._mangled, closure, (await self._store.snapshot()).tickets)
        problems += self._standings.get(ticket).notes
        target, delivered = await self._delivered(ticket)
        plan = make_plan(
            target,
            mangled.closure,
            overrides=mangled.uses,
            adopt=adopt,
            problems=problems,
            delivered=delivered,
            keep_drift=keep_drift,
        )
        plan = replace(plan, published=_published(publication))
        kept = {i: delivered[i] for i in plan.kept}
        # Its own: another plan of the ticket may be in the making, and have taken the last one.
        draft = self._draft(plan, target, mangled.closure, source, publication, kept)
        return await self._checked(replace(draft, published=closure))

    async def for_rollback(self, change: int) -> Draft:
        """What would bring back what was owned before that change.

        Raises Refused (unknown-change, too-old, holder, split), BusError where a site can't be asked, and Disconnected.
        """
        earlier = before_change(self._ledger, change)
        ticket = earlier.owned.ticket
        await self._holders.check(ticket, "")
        target, delivered = await self._delivered(ticket)
        owned = owned_ids(target, ticket)
        # What is here and no longer owned is its administrator's own already.
        released = {i: line for i, line in earlier.released.items() if i in owned or i not in target.lines}
        plan = make_restoration(target, earlier.owned, ROLLBACK, released=released, delivered=delivered)
        return await self._checked(self._draft(plan, target, earlier.owned, earlier.source, change=change))

    async def for_healing(self, ticket: str) -> Draft:
        """What would bring back what was delivered last for `ticket`, where it was edited here.

        Raises as for_rollback does, and Refused (not-delivered) where nothing is known to have been delivered.
        """
        await self._holders.check(ticket, "")
        target, delivered = await self._delivered(ticket)
        standing = self._standings.get(ticket)
        if not delivered:
            raise Refused(
                "not-delivered",
                f"nothing is known to have been delivered here for ticket {ticket!r} last",
                hint="plan its replication instead",
            )
        drifted = find_drift(target, ticket, delivered).members
        owned = owned_ids(target, ticket)
        lines = {i: line for i, line in target.lines.items() if i in owned} | {i: delivered[i] for i in drifted}
        wanted = pick_members(ticket, lines, lines)
        plan = make_restoration(target, wanted, HEALING, delivered=delivered)
        return await self._checked(self._draft(plan, target, wanted, Source(standing.publisher, standing.digest)))

    async def _delivered(self, ticket: str) -> tuple[Snapshot, Mapping[str, bytes]]:
        """The CIB, and what of it has to be as it was delivered."""
        async with self._quiet:
            target = await self._store.snapshot()
            return target, self._standings.measured(ticket, target)

    def _draft(
        self,
        plan: Plan,
        target: Snapshot,
        wanted: Closure,
        source: Source,
        publication: Publication | None = None,
        kept: Mapping[str, bytes] = _NOTHING,
        change: int = 0,
    ) -> Draft:
        ticket = plan.ticket
        candidate = target
        if plan.changes and not plan.errors:
            candidate = target.advance(document.parse_element(plan.patchset))
        last, known = self._standings.last(ticket), candidate.lines
        standing = {i: target.lines[i] for i in (*owned_ids(target, ticket), *plan.adopted)}
        before = _closure(ticket, standing, last)
        # As they will stand here: the order of what Pacemaker takes as a set may be another than in what was wanted.
        delivered = _closure(
            ticket, {i: kept.get(i) or known.get(i, line) for i, line in wanted.lines.items()}, last, wanted
        )
        empty = publication is not None and not wanted.lines
        prepared = Prepared(plan, source, publication, empty, target.lines, before, delivered, change)
        return Draft(prepared, target, candidate, wanted, wanted)

    async def _announced(self, ticket: str) -> tuple[Claim, Publication]:
        """Who holds the ticket, and what it publishes. Who held it at the last look is asked for that at once, and its answer
        counts where it holds it still."""
        guess = self._sources.pop(ticket, Source()).site
        early = asyncio.ensure_future(self._fetcher.announced(guess, ticket)) if guess else None
        try:
            claim = await self._holders.find(ticket)
            self._sources[ticket] = Source(claim.site)
            if early and claim.site == guess:
                return claim, await early
            return claim, await self._fetcher.announced(claim.site, ticket)
        finally:
            if early:
                early.cancel()
                await asyncio.gather(early, return_exceptions=True)

    def _mangled(self, closure: Closure, tickets: Mapping[str, TicketState]) -> tuple[Mangled, tuple[Problem, ...]]:
        mangled = self._mangler(closure, tickets)
        return mangled, mangled.problems + self._acceptance.problems(mangled.closure)

    async def _checked(self, draft: Draft) -> Draft:
        plan = draft.prepared.plan
        if plan.errors or not plan.changes:
            return draft
        publication = draft.prepared.publication
        schema = publication.validate_with if publication else ""
        checked = await self._checks.checked(plan, draft.target, draft.candidate, draft.wanted, schema)
        if checked is plan:
            return draft
        upgraded = (
            draft.target.advance(document.parse_element(checked.patchset)) if checked.upgrade else draft.candidate
        )
        return replace(draft, candidate=upgraded, prepared=replace(draft.prepared, plan=checked))


def _closure(ticket: str, lines: Mapping[str, bytes], last: Closure, wanted: Closure | None = None) -> Closure:
    """Those members as a closure: `last` itself, whose digest is known, or of the sections of `wanted`, where they are the
    same."""
    if lines == last.lines:
        return last
    return Closure(ticket, wanted.sections) if wanted and lines == wanted.lines else pick_members(ticket, lines, lines)


def _published(publication: Publication) -> Published:
    return Published(publication.site, str(publication.term), str(publication.version), publication.digest)
