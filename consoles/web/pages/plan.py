"""Plans to look at: of a replication, to one site or to all, of a rollback, and of a healing.

Rules of this file: nothing is changed by looking. What can be applied is kept as a proposal of the session, and applied from
there.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.everywhere import SitePlan, plan_everywhere
from consoles.numbers import whole_number
from consoles.values import Plan
from consoles.web.rendering import render
from consoles.web.views.plan import plan_rows, plan_view
from consoles.web.visiting import Visit, visiting
from consoles.web.work import ALL, Proposal, Purpose
from qmfagent.errors import InputError


async def replication(request: Request) -> Response:
    """What replication of a ticket to a site, or to all, would change."""
    visit = await visiting(request)
    ticket, site = request.path_params["ticket"], _asked(request, "to")
    purpose = Purpose("replicate", ticket, site, adopt=request.query_params.get("adopt") == "1")
    if site == ALL:
        return await _everywhere(request, visit, purpose)
    return await _single(request, visit, purpose, partial(visit.console.plan, site, ticket, purpose.adopt))


async def rollback(request: Request) -> Response:
    """What bringing a site back to how it was before a change would change there."""
    visit = await visiting(request)
    site, text = _asked(request, "site"), _asked(request, "change")
    number = whole_number(text)
    if number is None:
        raise InputError(f"{text!r} is no number of a change", hint="take one that the site's history shows")
    purpose = Purpose("rollback", "", site, change=number)
    return await _single(request, visit, purpose, partial(visit.console.plan_rollback, site, purpose.change))


async def heal(request: Request) -> Response:
    """What taking back the edits of what was delivered would change at a site."""
    visit = await visiting(request)
    purpose = Purpose("heal", _asked(request, "ticket"), _asked(request, "site"))
    return await _single(request, visit, purpose, partial(visit.console.plan_heal, purpose.site, purpose.ticket))


async def _single(request: Request, visit: Visit, purpose: Purpose, make: Callable[[], Awaitable[Plan]]) -> Response:
    # What is told between the two is told again should the plan be refused: rather too much than too little.
    site = await visit.console.site(purpose.site)
    plan = await make()
    purpose = replace(purpose, ticket=plan.ticket)
    view = await asyncio.to_thread(plan_view, plan)
    if plan.token:
        seen = {purpose.site: int(site.values["last_event"])}
        visit.session.work.propose(Proposal(plan.token, purpose, (SitePlan(plan.site, plan),), seen))
    may = await visit.may(plan.site, "Site.apply", plan.ticket)
    return render(request, "plan.html", plan=view, purpose=purpose, token=plan.token, may=may)


async def _everywhere(request: Request, visit: Visit, purpose: Purpose) -> Response:
    seen = {site.site: int(site.values["last_event"]) for site in await visit.console.query("Site")}
    plans = [
        await _permitted(visit, each) for each in await plan_everywhere(visit.console, purpose.ticket, purpose.adopt)
    ]
    rows = await asyncio.to_thread(plan_rows, tuple(plans))
    token = ""
    if any(each.good and each.plan is not None and each.plan.token for each in plans):
        token = secrets.token_hex(16)
        visit.session.work.propose(Proposal(token, purpose, tuple(plans), seen))
    return render(request, "plan_everywhere.html", rows=rows, purpose=purpose, token=token)


async def _permitted(visit: Visit, each: SitePlan) -> SitePlan:
    """The plan, with what it lacks where the user may not apply it: one refusal would have all others rolled back."""
    if each.plan is None or not each.plan.token or await visit.may(each.site, "Site.apply", each.plan.ticket):
        return each
    return replace(each, problem=f"you may not apply plans for {each.plan.ticket} at {each.site}")


def _asked(request: Request, name: str) -> str:
    """A value of the query. Raises InputError where there is none."""
    value = request.query_params.get(name, "")
    if not value:
        raise InputError(f"the address of this page lacks {name!r}", hint="begin at the overview, or at a ticket")
    return value


routes = [
    Route("/tickets/{ticket}/plan", replication),
    Route("/rollback", rollback),
    Route("/heal", heal),
]
