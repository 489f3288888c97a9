"""The journals of all sites, verified on demand: a journal is gone through from end to end for that."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from consoles.asynchronous import AsyncConsole
from consoles.journals import judge
from consoles.web.following import follow
from consoles.web.rendering import fragment, redirect, render
from consoles.web.visiting import visiting
from consoles.web.work import Task
from qmfagent.errors import QmfAgentError, UnknownObject

_KEY = "journal"


async def page(request: Request) -> Response:
    """What the last verification of this session has found."""
    visit = await visiting(request)
    return render(request, "journal.html", task=visit.session.work.task(_KEY))


async def post(request: Request) -> Response:
    """Verify them."""
    visit = await visiting(request)
    visit.session.work.start(_KEY, partial(_verify, visit.console))
    return redirect(request, "journal")


async def live(request: Request) -> Response:
    """What is found, until it is over."""
    visit = await visiting(request, active=False)
    task = visit.session.work.task(_KEY)
    if task is None:
        raise UnknownObject("no journal is being verified", hint="begin that first")
    return follow(visit, task, lambda: fragment(request, "journal_content.html", task=task))


async def _verify(console: AsyncConsole, task: Task) -> None:
    """Verify the journal of each site: the outcome is what consoles.journals makes of each, by site."""
    sites, seen = await console.sites(), await console.query("Site")

    async def verify(site: str) -> None:
        try:
            found = await console.verify_journal(site)
        except QmfAgentError as error:
            judged = judge(site, error, seen)
        else:
            judged = judge(site, found, seen)
        task.outcome = sorted([*(task.outcome or ()), judged], key=lambda each: str(each["site"]))
        task.renew()

    await asyncio.gather(*map(verify, sites))


routes = [
    Route("/journal", page),
    Route("/journal", post, methods=["POST"]),
    Route("/live/journal", live),
]
