"""The events of all sites as they happen; a page that was away gets what it missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.announcements import EVENTS
from consoles.values import Event, Position
from consoles.web.rendering import fragment, render
from consoles.web.streams import message, stream
from consoles.web.views.events import (
    LEVELS,
    RECENT,
    Wanted,
    after,
    newest_first,
    read_positions,
    row,
    write_positions,
)
from consoles.web.visiting import Visit, visiting
from qmfagent.errors import QmfAgentError


async def page(request: Request) -> Response:
    """The page: the newest that are kept, and what comes."""
    visit, wanted = await visiting(request), _wanted(request)
    reached = await visit.console.sites()
    asked = [site for site in reached if wanted.site in ("", site)]
    found = await asyncio.gather(*(_newest(visit, site) for site in asked), return_exceptions=True)
    events: list[Event] = []
    positions: dict[str, Position] = {}
    problems: list[str] = []
    for site, answer in zip(asked, found, strict=True):
        if isinstance(answer, QmfAgentError):
            problems.append(f"{site}: {answer}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            events += answer[0]
            positions[site] = answer[1]
    picture = await visit.live.picture()
    return render(
        request,
        "events.html",
        rows=newest_first(events, wanted),
        wanted=wanted,
        since=write_positions(positions),
        problems=problems,
        sites=picture.names,
        tickets=[ticket.name for ticket in picture.tickets],
        names=EVENTS,
        levels=LEVELS,
    )


async def live(request: Request) -> Response:
    """What comes after the positions of the page: events `event`, each with the positions after it as its id."""
    visit, wanted = await visiting(request, active=False), _wanted(request)
    # What a browser tells when it comes back by itself is newer than the address it came by first.
    since = read_positions(request.headers.get("last-event-id") or request.query_params.get("since", ""))
    return stream(visit, _coming(request, visit, wanted, since))


async def _coming(
    request: Request, visit: Visit, wanted: Wanted, positions: Mapping[str, Position]
) -> AsyncIterator[bytes]:
    names = [wanted.event] if wanted.event else None
    with visit.console.subscribe(names, [wanted.site] if wanted.site else None, positions) as events:
        yield message("here", "", write_positions(positions))
        async for item in events:
            positions = after(positions, item)
            if wanted.has(item):
                yield message("event", fragment(request, "event_row.html", row=row(item)), write_positions(positions))


async def _newest(visit: Visit, site: str) -> tuple[list[Event], Position]:
    """The newest events of a site, oldest first, and the position after them. Raises as AsyncConsole.call does."""
    values = (await visit.console.site(site)).values
    since = max(values["first_event"] - 1, values["last_event"] - RECENT, 0)
    journal, events, more = str(values["journal"]), [], True
    while more:
        answer = await visit.console.call(site, f"Site:{site}", "events", since=since, limit=RECENT)
        journal, more = str(answer["journal"]), bool(answer["more"] and answer["events"])
        for each in answer["events"]:
            since = int(each["seq"])
            events.append(
                Event(site, each["name"], each["values"], int(each["severity"]), int(each["timestamp"]), since, journal)
            )
    return events, Position(since, journal)


def _wanted(request: Request) -> Wanted:
    asked = request.query_params
    known = [level for level, _ in LEVELS]
    level = asked.get("level", "")
    return Wanted(
        asked.get("site", ""), asked.get("event", ""), asked.get("ticket", "").strip(), level if level in known else ""
    )


routes = [
    Route("/events", page),
    Route("/live/events", live),
]
