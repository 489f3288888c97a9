"""The confirmation of a plan, its apply, and how that goes on and ends: one page, by the token of what was shown.

Rules of this file: what was applied once by a token is not applied again, however often the form is sent; the page shows what
became of it. Whether the user may apply is the agent's to say.
"""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.web.applying import apply
from consoles.web.following import follow
from consoles.web.rendering import fragment, redirect, render
from consoles.web.views.applying import progress
from consoles.web.views.confirmation import confirmation
from consoles.web.views.plan import plan_rows
from consoles.web.visiting import Visit, visiting
from consoles.web.work import Proposal, Task
from qmfagent.errors import UnknownObject

_PARTIAL = "Not every plan is good: tick that it is to be applied where it is."


async def page(request: Request) -> Response:
    """The confirmation; progress or outcome, once it is applied."""
    visit = await visiting(request)
    proposal = _proposal(visit, request.query_params.get("site", ""), request.query_params.get("token", ""))
    task = visit.session.work.task(proposal.token)
    if task is None:
        return await _confirm(request, proposal)
    return render(request, "applying.html", proposal=proposal, progress=progress(proposal, task))


async def post(request: Request) -> Response:
    """Apply what was confirmed."""
    visit = await visiting(request)
    form = await request.form()
    proposal = _proposal(visit, str(form.get("site", "")), str(form.get("token", "")))
    work = visit.session.work
    if work.task(proposal.token) is None:
        if not (form.get("partial") or all(each.good for each in proposal.plans)):
            return await _confirm(request, proposal, _PARTIAL)
        work.start(proposal.token, partial(apply, visit.console, proposal), writing=True)
    return redirect(request, "apply", site=proposal.purpose.site, token=proposal.token)


async def live(request: Request) -> Response:
    """What the page shows once it is applied, until it is over."""
    visit = await visiting(request, active=False)
    proposal = _proposal(visit, request.query_params.get("site", ""), request.query_params.get("token", ""))
    task = visit.session.work.task(proposal.token)
    if task is None:
        raise UnknownObject("that plan is not applied", hint="confirm it first")
    return follow(visit, task, partial(_shown, request, proposal, task))


def _shown(request: Request, proposal: Proposal, task: Task) -> str:
    return fragment(request, "applying_content.html", proposal=proposal, progress=progress(proposal, task))


async def _confirm(request: Request, proposal: Proposal, problem: str = "") -> Response:
    return render(
        request,
        "confirm.html",
        400 if problem else 200,
        proposal=proposal,
        confirmation=confirmation(proposal),
        rows=await asyncio.to_thread(plan_rows, proposal.plans),
        problem=problem,
    )


def _proposal(visit: Visit, site: str, token: str) -> Proposal:
    """What was shown. Raises UnknownObject."""
    proposal = visit.session.work.proposal(token)
    if proposal is None or proposal.purpose.site != site:
        raise UnknownObject(
            "this session was shown no such plan, or so long ago that it is forgotten",
            hint="make the plan anew, and apply that",
        )
    return proposal


routes = [
    Route("/apply", page),
    Route("/apply", post, methods=["POST"]),
    Route("/live/apply", live),
]
