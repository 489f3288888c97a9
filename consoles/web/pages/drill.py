"""Drills: what would run at a site, and what not, if it were granted a ticket."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.asynchronous import AsyncConsole
from consoles.web.following import follow
from consoles.web.rendering import fragment, redirect, render
from consoles.web.views.drill import drill_view, last_drills
from consoles.web.visiting import visiting
from consoles.web.work import Task
from qmfagent.errors import InputError, UnknownObject


async def page(request: Request) -> Response:
    """What to drill, what became of it, and when there were drills last."""
    visit = await visiting(request)
    site, ticket = request.query_params.get("site", ""), request.query_params.get("ticket", "")
    picture = await visit.live.picture()
    tickets = await visit.console.query("Ticket") if picture.sites else []
    reached = [each.site for each in picture.sites]
    return render(
        request,
        "drill.html",
        site=site,
        ticket=ticket,
        sites=[each for each in reached if await visit.may(each, "Site.drill", ticket or None)],
        tickets=[each.name for each in picture.tickets],
        last=last_drills(tickets),
        task=visit.session.work.task(_key(site, ticket)),
    )


async def post(request: Request) -> Response:
    """Have the site's agent make one."""
    visit = await visiting(request)
    form = await request.form()
    site, ticket = str(form.get("site", "")), str(form.get("ticket", ""))
    if not (site and ticket):
        raise InputError("a drill is of a ticket at a site", hint="choose both")
    visit.session.work.start(_key(site, ticket), partial(_drill, visit.console, site, ticket))
    return redirect(request, "drill", site=site, ticket=ticket)


async def live(request: Request) -> Response:
    """What becomes of it, until it is over."""
    visit = await visiting(request, active=False)
    site, ticket = request.query_params.get("site", ""), request.query_params.get("ticket", "")
    task = visit.session.work.task(_key(site, ticket))
    if task is None:
        raise UnknownObject("there is no such drill", hint="begin it first")
    return follow(visit, task, lambda: fragment(request, "drill_content.html", task=task, site=site, ticket=ticket))


async def _drill(console: AsyncConsole, site: str, ticket: str, task: Task) -> None:
    """Make a drill: the outcome is its view."""
    task.outcome = drill_view(site, await console.drill(site, ticket))


def _key(site: str, ticket: str) -> str:
    return f"drill {site} {ticket}"


routes = [
    Route("/drill", page),
    Route("/drill", post, methods=["POST"]),
    Route("/live/drill", live),
]
