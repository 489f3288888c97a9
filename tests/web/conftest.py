"""A pair of real agents, a web console that is connected to them, and a real browser.

Rules of this file: everything lives in the event loop of the whole session, since the browser does; a module of such tests has
`pytestmark = pytest.mark.asyncio(loop_scope="session")`. One browser process and, for each module, one pair and one web
console; a test has a context of the browser of its own, signed in, and fails where the page complains of anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.lab import requirements
from tests.sites.pair import SitePair
from tests.web.chromium import CHROMIUM, FLAGS, is_complaint
from tests.web.served import Served, connect_to
from tests.web.sites import SOURCE, TARGET

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
PATIENCE = 30_000
"""Milliseconds that a page gets for what it is to show. It mostly comes at once; where many processes share few cores, it takes
its time."""


@pytest.fixture(scope="module", autouse=True)
def patient() -> Iterator[None]:
    """Whoever signs in gets as long for it as his page does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("consoles.asynchronous.CONNECT_TIMEOUT", PATIENCE / 1000)
        yield


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium, started once."""
    requirements.require([CHROMIUM], root=False, packages="chromium")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=4 * PATIENCE)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SitePair]:
    """Both agents running, in manual mode; `sitea` holds T and U."""
    async with SitePair(tmp_path_factory.mktemp("pair"), SOURCE, TARGET, mode="manual") as sites:
        yield sites


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def web(pair: SitePair) -> AsyncIterator[Served]:
    """A web console without users, at both sites."""
    async with Served(connect_to(pair.a.bus.url(site) for site in pair.sites)) as served:
        yield served


Visitor = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser) -> AsyncIterator[Visitor]:
    """Makes a page of a context of its own that begins at an address; options are those of a context (viewport, color_scheme).
    When the test is over, it fails where a page complained: of an error in a script, or of the content security policy."""
    complaints: list[str] = []
    expect.set_options(timeout=PATIENCE)
    async with AsyncExitStack() as stack:

        async def visit(url: str, **options: Any) -> Page:
            context: BrowserContext = await browser.new_context(**{"reduced_motion": "reduce"} | options)
            context.set_default_timeout(PATIENCE)
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
            await page.goto(url)
            return page

        yield visit
    assert not complaints


@pytest_asyncio.fixture(loop_scope="session")
async def page(visitor: Visitor, web: Served) -> Page:
    """A page that is signed in, at the overview of `web`."""
    return await visitor(web.link())


@pytest.fixture
def accessible() -> Callable[[Page], Awaitable[None]]:
    """Checks a page for WCAG 2.2 AA with axe-core, as it is shown now."""

    async def check(page: Page) -> None:
        await page.evaluate(AXE.read_text())
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = await page.evaluate("tags => axe.run({runOnly: tags})", tags)
        problems = [
            f"{violation['id']}: {violation['help']}: {node['html'][:200]}: {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]
        assert not problems, "\n".join(problems)

    return check
