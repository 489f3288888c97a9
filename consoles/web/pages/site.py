"""One site: nodes, tickets, peers, journal, and its resources; live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.numbers import whole_number
from consoles.overview import overview
from consoles.picture import Picture
from consoles.web.rendering import fragment, render
from consoles.web.site_watch import SiteWatch, together
from consoles.web.streams import message, stream
from consoles.web.views.site import STATES, Resources, SiteView, Wanted, resource_rows, site_view
from consoles.web.visiting import Visit, visiting
from qmfagent.errors import QmfAgentError

LOOK = 5.0
"""Seconds until there is a look at what no event tells of, and at what could not be read."""


async def page(request: Request) -> Response:
    """The page."""
    visit = await visiting(request)
    name, wanted = request.path_params["site"], _wanted(request)
    watch = SiteWatch(visit.console, name)
    await watch.read()
    return render(
        request,
        "site.html",
        site=await _view(visit, watch, await visit.live.picture()),
        resources=resource_rows(watch.resources, wanted),
        states=STATES,
    )


async def live(request: Request) -> Response:
    """Its content, now and whenever it changes: events `site` and `resources`."""
    visit = await visiting(request, active=False)
    return stream(visit, _changes(request, visit))


async def _changes(request: Request, visit: Visit) -> AsyncIterator[bytes]:
    watch, wanted = SiteWatch(visit.console, request.path_params["site"]), _wanted(request)
    told: tuple[SiteView | None, Resources | None] = (None, None)
    with visit.console.subscribe(sites=[watch.site]) as events:
        picture, whole = await visit.live.picture(), False
        pictured = asyncio.ensure_future(visit.live.after(picture.number))
        heard = asyncio.ensure_future(together(events))
        try:
            while True:
                try:
                    if heard.done() or not whole:
                        items = heard.result() if heard.done() else []
                        heard = asyncio.ensure_future(together(events)) if heard.done() else heard
                        await (watch.take(items) if whole else watch.read())
                        whole = True
                    else:
                        await watch.take([])
                    view = await _view(visit, watch, picture)
                except QmfAgentError:
                    whole = False  # as it was, until the site can be read again
                else:
                    rows = resource_rows(watch.resources, wanted)
                    if view != told[0]:
                        yield message("site", fragment(request, "site_content.html", site=view))
                    if rows != told[1]:
                        yield message("resources", fragment(request, "site_resources.html", site=view, resources=rows))
                    told = view, rows
                await asyncio.wait((pictured, heard), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
                if pictured.done():
                    picture = pictured.result()
                    pictured = asyncio.ensure_future(visit.live.after(picture.number))
        finally:
            pictured.cancel()
            heard.cancel()


async def _view(visit: Visit, watch: SiteWatch, picture: Picture) -> SiteView:
    """The view of the site. Raises as AsyncConsole.query does."""
    site, tickets = await asyncio.gather(visit.console.site(watch.site), visit.console.query("Ticket", watch.site))
    return site_view(site, overview(picture, frozenset()), watch.nodes, tickets, watch.resources)


def _wanted(request: Request) -> Wanted:
    asked = request.query_params
    state = asked.get("state", "")
    return Wanted(
        asked.get("q", "").strip(),
        state if state in STATES else "",
        whole_number(asked.get("page", "")) or 1,
    )


routes = [
    Route("/sites/{site}", page),
    Route("/live/sites/{site}", live),
]
