"""Plans for this site, and their application: exactly one plan, in one write, or nothing.

Rules of this file: the holder is asked for afresh at every plan and again before every write; a token names one plan on
one configuration, and does what that plan shows or is refused. (term, version) of what is applied never goes back. Applies
follow one another.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from qmfagent.cib.plan import Plan
from qmfagent.cib.planning import make_plan
from qmfagent.cib.version import Version
from qmfagent.errors import QmfAgentError, Refused
from qmfagent.replication.authority import publishing_site
from qmfagent.replication.ports import CibStore, EventSink, Mangler, Remotes
from qmfagent.replication.publication import Publication
from qmfagent.replication.reasons import reason_of

MAX_PLANS = 32


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and the publication it is for. `empty`: the holder has withdrawn everything."""

    plan: Plan
    publication: Publication
    empty: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did: the number of changes written, and the CIB's version afterwards."""

    ticket: str
    publisher: str
    digest: str
    changes: int
    version: Version


class Applier:
    """Plans and applies publications at `site`."""

    def __init__(self, site: str, store: CibStore, remotes: Remotes, mangler: Mangler, emit: EventSink) -> None:
        self._site = site
        self._store = store
        self._remotes = remotes
        self._mangler = mangler
        self._emit = emit
        self._plans: OrderedDict[str, Prepared] = OrderedDict()
        self._applied: dict[str, Publication] = {}
        self._writing = asyncio.Lock()

    async def plan(self, ticket: str, *, adopt: bool = False) -> Prepared:
        """What replication of `ticket` from its holder would change here.

        Raises Refused (holder, split, no-holder, stale), BusError where the holder can't be asked, InputError where its
        publication or this site's own rules can't be used, and Disconnected.
        """
        holder = await self._holder(ticket)
        publication = await self._remotes.publication(holder, ticket)
        self._check_order(publication)
        closure = publication.closure()
        mangled, overrides = await asyncio.to_thread(self._mangler, closure)
        plan = make_plan(await self._store.snapshot(), mangled, overrides=overrides, adopt=adopt)
        prepared = Prepared(plan, publication, not closure.lines)
        if not plan.changes:
            self._applied[ticket] = publication
        if plan.token:
            self._plans[plan.token] = prepared
            self._plans.move_to_end(plan.token)
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        return prepared

    async def apply(self, token: str, by: str) -> Applied:
        """Carry out the plan that `token` names, for `by`, and announce what came of it.

        Raises Refused (unknown-token, holder, split, no-holder, holder-changed, stale), and ClusterError, above all
        ConfigurationChanged; nothing is written then.
        """
        prepared = self._plans.get(token)
        if prepared is None:
            raise Refused(
                "unknown-token",
                f"no plan of this agent has the token {token!r}",
                hint="plan again, and use the token of that plan",
            )
        plan, publication = prepared.plan, prepared.publication
        try:
            async with self._writing:
                await self._check_holder(publication)
                self._check_order(publication)
                version = await self._store.apply(plan.patchset, plan.base_digest)
                self._applied[plan.ticket] = publication
        except QmfAgentError as error:
            self.failed(plan.ticket, publication, error, by)
            raise
        self._plans.pop(token, None)
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
            },
        )
        return applied

    def failed(self, ticket: str, publication: Publication | None, error: QmfAgentError, by: str) -> None:
        """Announce that `ticket` was not applied."""
        self._emit(
            "apply_failed",
            {
                "site": self._site,
                "ticket": ticket,
                "publisher": publication.site if publication else "",
                "digest": publication.digest if publication else "",
                "reason": reason_of(error),
                "message": str(error),
                "by": by,
            },
        )

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
        if newest is None or publication.digest == newest.digest:
            return
        older_term = publication.term < newest.term
        same_site = publication.site == newest.site
        if older_term or (same_site and publication.term == newest.term and publication.version < newest.version):
            raise Refused(
                "stale",
                f"the publication {publication.version} of term {publication.term} by {publication.site} is older than"
                f" {newest.version} of term {newest.term} by {newest.site}, which is applied here already",
            )


def blocking(plan: Plan) -> Refused | None:
    """The plan's errors as one refusal, named after the first; None where there are none."""
    if not plan.errors:
        return None
    return Refused(plan.errors[0].code, "; ".join(problem.message for problem in plan.errors))
