"""The overview: every ticket at every site, and the sites; live."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.overview import Overview, overview
from consoles.picture import Picture
from consoles.web.rendering import fragment, render
from consoles.web.streams import message, stream
from consoles.web.visiting import Visit, visiting


async def page(request: Request) -> Response:
    """The page."""
    visit = await visiting(request)
    return render(request, "overview.html", overview=await _overview(visit, await visit.live.picture()))


async def sites(request: Request) -> Response:
    """The sites alone."""
    visit = await visiting(request)
    return render(request, "sites.html", overview=await _overview(visit, await visit.live.picture()))


async def live(request: Request) -> Response:
    """Its content, now and whenever it changes: events `overview`."""
    visit = await visiting(request, active=False)
    return stream(visit, _changes(request, visit))


async def _changes(request: Request, visit: Visit) -> AsyncIterator[bytes]:
    picture = await visit.live.picture()
    while True:
        shown = fragment(request, "overview_content.html", overview=await _overview(visit, picture))
        yield message("overview", shown)
        picture = await visit.live.after(picture.number)


async def _overview(visit: Visit, picture: Picture) -> Overview:
    reached = {site.site for site in picture.sites}
    allowed = {
        (at.site, ticket.name)
        for ticket in picture.tickets
        for at in ticket.sites
        if at.site in reached and await visit.may(at.site, "Site.plan", ticket.name)
    }
    return overview(picture, allowed)


routes = [
    Route("/", page),
    Route("/sites", sites),
    Route("/live/overview", live),
]
