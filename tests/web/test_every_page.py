"""Every page that links lead to: it is there, can be read by everybody, fits a phone, and obeys the content security policy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page
from starlette.routing import Match, Route

from tests.sites.pair import SitePair
from tests.web.conftest import PHONE, Visitor
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINKS = "[...document.links].map(link => link.href)"
PAGES = {
    "/",
    "/sites",
    "/sites/{site}",
    "/sites/{site}/configuration",
    "/tickets/{ticket}",
    "/tickets/{ticket}/plan",
    "/heal",
    "/rollback",
    "/drill",
    "/history",
    "/history/{site}/{change}",
    "/journal",
    "/events",
    "/schema",
    "/schema/{site}",
}
"""Those that have to be found, among others."""


def route_of(web: Served, url: str) -> str:
    """The path of the route that an address leads to, empty where it is none of ours."""
    parts = urlsplit(url)
    if parts.netloc != f"127.0.0.1:{web.port}":
        return ""
    scope = {"type": "http", "method": "GET", "path": parts.path, "root_path": ""}
    for route in web.app.routes:
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route.path
    return parts.path


async def test_every_page_is_there_and_anybody_can_read_it(
    visitor: Visitor, web: Served, pair: SitePair, accessible: Callable[[Page], Awaitable[None]]
) -> None:
    await pair.a.replica("T", "siteb", state="behind")
    await pair.a.call("Replica:T:siteb", "replicate_now")
    await pair.b.set_value("web-config", "/etc/quick-fix.conf")
    await pair.b.event("drift_found")
    page = await visitor(web.link(), viewport=PHONE)
    seen: dict[str, str] = {}
    waiting = [f"{web.url}/"]
    while waiting:
        url = waiting.pop(0)
        route = route_of(web, url)
        if not route or route in seen:
            continue
        seen[route] = url
        answer = await page.goto(url)
        assert answer is not None
        assert answer.status == 200, url
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), url
        waiting += await page.evaluate(LINKS)
    assert seen.keys() >= PAGES
