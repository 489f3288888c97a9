"""Actions on a ticket at a site: the confirmation, and what was confirmed.

Rules of this file: an address of an action shows what would follow of it or, once it is done, that it is so; so it may be sent
and loaded any number of times.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.asynchronous import AsyncConsole
from consoles.ticket_actions import ACTIONS, MOVING
from consoles.tickets import TicketStatus
from consoles.web.rendering import redirect, render
from consoles.web.views.ticket_action import Cluster, action_view
from consoles.web.visiting import visiting
from qmfagent.errors import InputError

_UNMANAGED = ["and", ["eq", "kind", ["quote", "primitive"]], ["eq", "managed", ["quote", False]]]


async def page(request: Request) -> Response:
    """What an action would bring about."""
    visit = await visiting(request)
    ticket, action, site = request.path_params["ticket"], _action(request), request.query_params.get("at", "")
    own = await visit.console.query("Ticket", _named(site), name=ticket)
    picture = await visit.live.picture()
    status = next((each for each in picture.tickets if each.name == ticket), TicketStatus(ticket, ()))
    cluster = await _cluster(visit.console, site, ticket) if action in MOVING else Cluster()
    view = action_view(action, status, site, own[0].values if own else {}, picture, cluster)
    may = await visit.may(site, f"Ticket.{action}", ticket)
    return render(request, "ticket_action.html", ticket=ticket, view=view, may=may)


async def post(request: Request) -> Response:
    """Do it."""
    visit = await visiting(request)
    ticket, action = request.path_params["ticket"], _action(request)
    site = _named(str((await request.form()).get("at", "")))
    await visit.console.call(site, f"Ticket:{ticket}", action)
    return redirect(request, "tickets", ticket, action, at=site)


async def _cluster(console: AsyncConsole, site: str, ticket: str) -> Cluster:
    nodes, resources = await asyncio.gather(
        console.query("Node", site), console.query("Resource", site, where=_UNMANAGED)
    )
    return Cluster(
        [node.values for node in nodes],
        [resource.values["id"] for resource in resources if ticket in resource.values["tickets"]],
    )


def _action(request: Request) -> str:
    return request.url.path.rpartition("/")[2]


def _named(site: str) -> str:
    """The site. Raises InputError where none is named."""
    if not site:
        raise InputError("the address of this page lacks 'at', the site", hint="begin at the page of the ticket")
    return site


routes = [
    route
    for action in ACTIONS
    for path in [f"/tickets/{{ticket}}/{action}"]
    for route in (Route(path, page), Route(path, post, methods=["POST"]))
]
