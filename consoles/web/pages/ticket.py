"""One ticket: where it stands at every site, and what would travel with it; live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.overview import overview
from consoles.picture import Picture
from consoles.reasons import reason_of
from consoles.tickets import TicketStatus
from consoles.values import Event
from consoles.web.offers import Offers, ticket_offers
from consoles.web.reading import read_configuration
from consoles.web.rendering import fragment, render
from consoles.web.site_watch import together
from consoles.web.streams import message, stream
from consoles.web.views.closure import ClosureGraph, closure_graph, closure_list
from consoles.web.views.ticket import TicketView, ticket_view
from consoles.web.visiting import Visit, visiting
from qmfagent.errors import QmfAgentError, RemoteError

_CHANGES = frozenset({"config_changed", "applied", "rolled_back", "drift_healed"})
"""The events after which a closure may be another one."""


async def page(request: Request) -> Response:
    """The page."""
    visit = await visiting(request)
    picture = await visit.live.picture()
    view = await _view(request, visit, picture)
    offers = await _offers(visit, view.name, picture)
    return render(request, "ticket.html", ticket=view, offers=offers, **await _closure(visit, view))


async def live(request: Request) -> Response:
    """Its content, now and whenever it changes: events `ticket` and `closure`."""
    visit = await visiting(request, active=False)
    return stream(visit, _changes(request, visit))


async def _changes(request: Request, visit: Visit) -> AsyncIterator[bytes]:
    told: dict[str, str] = {}
    with visit.console.subscribe() as events:
        picture, stale = await visit.live.picture(), True
        pictured = asyncio.ensure_future(visit.live.after(picture.number))
        heard = asyncio.ensure_future(together(events))
        try:
            while True:
                shown: dict[str, str] = {}
                try:
                    view = await _view(request, visit, picture)
                    offers = await _offers(visit, view.name, picture)
                    shown["ticket"] = fragment(request, "ticket_content.html", ticket=view, offers=offers)
                    if stale:
                        shown["closure"] = fragment(request, "closure.html", ticket=view, **await _closure(visit, view))
                        stale = False
                except QmfAgentError:
                    stale = True  # as it was, until there is news
                for name in shown:
                    if told.get(name) != shown[name]:
                        yield message(name, shown[name])
                told |= shown
                await asyncio.wait((pictured, heard), return_when=asyncio.FIRST_COMPLETED)
                if pictured.done():
                    picture = pictured.result()
                    pictured = asyncio.ensure_future(visit.live.after(picture.number))
                if heard.done():
                    items = heard.result()
                    stale = stale or any(not isinstance(item, Event) or item.name in _CHANGES for item in items)
                    heard = asyncio.ensure_future(together(events))
        finally:
            pictured.cancel()
            heard.cancel()


async def _view(request: Request, visit: Visit, picture: Picture) -> TicketView:
    """The view of the ticket. Raises as AsyncConsole.query does, and UnknownTicket."""
    name = request.path_params["ticket"]
    allowed = {(site.site, name) for site in picture.sites if await visit.may(site.site, "Site.plan", name)}
    tickets = await visit.console.query("Ticket", where=["eq", "name", ["quote", name]]) if picture.sites else []
    return ticket_view(name, overview(picture, allowed), tickets, request.query_params.get("site", ""))


async def _offers(visit: Visit, name: str, picture: Picture) -> Mapping[str, Offers]:
    """What is offered of the ticket, by site."""
    status = next((each for each in picture.tickets if each.name == name), TicketStatus(name, ()))
    return await ticket_offers(visit, status)


async def _closure(visit: Visit, view: TicketView) -> dict[str, ClosureGraph | str | None]:
    """What templates show of the closure: `graph`, and `drawing`, the same for the script that draws it.

    Raises as AsyncConsole.query does.
    """
    if not view.shown:
        return {"graph": None, "drawing": ""}
    resources, constraints = await asyncio.gather(
        visit.console.query("Resource", view.shown), visit.console.query("Constraint", view.shown)
    )
    try:
        snapshot = await read_configuration(visit.console, view.shown)
    except RemoteError as error:
        if reason_of(error) != "forbidden":
            raise
        graph = closure_list(view.name, resources, constraints)
    else:
        graph = await asyncio.to_thread(closure_graph, snapshot, view.name, resources, constraints)
    return {"graph": graph, "drawing": _drawing(graph) if graph.drawn else ""}


def _drawing(graph: ClosureGraph) -> str:
    return json.dumps(
        {"nodes": [asdict(node) for node in graph.nodes], "edges": [asdict(edge) for edge in graph.edges]}
    )


routes = [
    Route("/tickets/{ticket}", page),
    Route("/live/tickets/{ticket}", live),
]
