"""`python -m tests.web.screenshots [NAME]...`: the pictures of the documentation, taken of the demo's sites.

Rules of this file: what they show has happened. Paris has gone on with db-ticket, which Lyon takes by hand, and somebody has
edited at Lyon what web-ticket has brought there.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree
from playwright.async_api import Browser, async_playwright, expect

from consoles.client import AsyncConsole
from qmfagent.errors import QmfAgentError
from tests.demo.sites import DemoSites
from tests.web.chromium import CHROMIUM, FLAGS
from tests.web.conftest import PHONE
from tests.web.served import Served, connect_to

IMAGES = Path(__file__).parents[2] / "docs" / "images"
DESK = {"width": 1180, "height": 720}
TALL = {"width": 1180, "height": 1180}
WAIT = 20.0


@dataclass(frozen=True)
class Shot:
    """One picture: its name, the page, and how it is looked at. `until` is a text that is there when the page is whole."""

    name: str
    path: str
    until: str
    options: dict[str, Any] = field(default_factory=dict)
    whole: bool = False


SHOTS = (
    Shot("web-overview-light", "", "2 behind"),
    Shot("web-overview-dark", "", "2 behind", {"color_scheme": "dark"}),
    Shot("web-overview-phone", "", "2 behind", {"viewport": PHONE}),
    Shot("web-plan", "tickets/db-ticket/plan?to=lyon", "db", whole=True),
    Shot("web-ticket", "tickets/web-ticket", "web", {"viewport": TALL}),
    Shot("web-history", "history?site=lyon", "applied"),
)


async def main(wanted: Collection[str]) -> None:
    """Take the pictures of these names, all where there are none."""
    with tempfile.TemporaryDirectory() as folder, DemoSites(Path(folder)) as sites:
        await _happen(sites)
        async with Served(connect_to(sites.urls.values())) as served, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            IMAGES.mkdir(exist_ok=True)
            for shot in SHOTS:
                if not wanted or shot.name in wanted:
                    await _take(browser, served, shot)
            await browser.close()


async def _happen(sites: DemoSites) -> None:
    async with asyncio.timeout(WAIT):
        while not await _is_replicated(sites):
            await asyncio.sleep(0.1)
    async with AsyncConsole(sites.urls.values()) as console:
        await console.replicate("db-ticket", "lyon")
        with console.subscribe(["published"], ["paris"]) as published:
            for value in ("async", "local"):
                await asyncio.to_thread(sites.edit, "paris", lambda c, value=value: _set(c, "db-rep-mode", value))
                async with asyncio.timeout(WAIT):
                    await anext(published)
    await asyncio.to_thread(sites.edit, "lyon", lambda c: _set(c, "web-server-config", "/etc/apache2/quick-fix.conf"))


async def _is_replicated(sites: DemoSites) -> bool:
    try:
        async with AsyncConsole(sites.urls.values(), on_problem=lambda problem: None) as console:
            tickets = {ticket.name: ticket for ticket in await console.tickets()}
            return {at.state for at in tickets["web-ticket"].sites} == {"holder", "in-sync"}
    except (QmfAgentError, KeyError):
        return False


def _set(configuration: etree._Element, nvpair: str, value: str) -> None:
    found = configuration.find(f".//nvpair[@id='{nvpair}']")
    assert found is not None, nvpair
    found.set("value", value)


async def _take(browser: Browser, served: Served, shot: Shot) -> None:
    context = await browser.new_context(**{"viewport": DESK, **shot.options})
    page = await context.new_page()
    await page.goto(served.link())
    await page.goto(f"{served.url}/{shot.path}")
    await expect(page.locator("main")).to_contain_text(shot.until)
    await page.screenshot(path=IMAGES / f"{shot.name}.png", full_page=shot.whole)
    await context.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
