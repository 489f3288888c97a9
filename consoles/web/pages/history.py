"""What happened, at all sites or one, and what one change did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.numbers import whole_number
from consoles.web.rendering import render
from consoles.web.views.history import PAGE, UNDOABLE, Record, change_view, history_page, read_below
from consoles.web.visiting import Visit, visiting
from consoles.words import elided
from qmfagent.errors import QmfAgentError, UnknownObject

_SHOWN = 40
"""Characters that are shown of what is no number."""


async def page(request: Request) -> Response:
    """The newest of it, or what comes below; of one site or ticket, where that is asked for."""
    visit = await visiting(request)
    asked = request.query_params
    site, ticket, below = asked.get("site", ""), asked.get("ticket", ""), read_below(asked.getlist("below"))
    picture = await visit.live.picture()
    found, problems = await _records(visit, [site] if site else await visit.console.sites(), ticket, below)
    rows, further = history_page(found)
    undoable = {
        (row.site, row.number) for row in rows if row.undoable and await visit.may(row.site, "Site.apply", row.ticket)
    }
    return render(
        request,
        "history.html",
        rows=rows,
        undoable=undoable,
        problems=problems,
        sites=picture.names,
        tickets=[each.name for each in picture.tickets],
        site=site,
        ticket=ticket,
        older=[f"{name}:{number}" for name, number in further.items()],
        newest=not below,
    )


async def change(request: Request) -> Response:
    """One record of a site, and what it changed."""
    visit = await visiting(request)
    site, text = request.path_params["site"], request.path_params["change"]
    number = whole_number(text)
    if not number:
        raise UnknownObject(
            f"there is no change {elided(text, _SHOWN)}", hint="take a number that the site's history shows"
        )
    record = await visit.console.change(site, number)
    view = await asyncio.to_thread(change_view, site, record)
    may = view.kept and view.row.name in UNDOABLE and await visit.may(site, "Site.apply", view.row.ticket)
    return render(request, "change.html", change=view, may=may)


async def _records(
    visit: Visit, sites: Sequence[str], ticket: str, below: Mapping[str, int]
) -> tuple[dict[str, list[Record]], dict[str, str]]:
    """The records of each site, and why those are missing that have none. Raises where that is all of them."""
    asking = (visit.console.history(each, ticket, PAGE, below.get(each, 0)) for each in sites)
    answers = dict(zip(sites, await asyncio.gather(*asking, return_exceptions=True), strict=True))
    found, problems = {}, {}
    for site, answer in answers.items():
        if not isinstance(answer, BaseException):
            found[site] = answer
        elif isinstance(answer, QmfAgentError) and len(sites) > 1:
            problems[site] = str(answer)
        else:
            raise answer
    return found, problems


routes = [
    Route("/history", page),
    Route("/history/{site}/{change}", change),
]
