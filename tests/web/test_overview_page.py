"""The overview in a real browser, on real agents: what it shows, and that it is live."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.ports import free_port
from tests.sites.pair import SitePair
from tests.web.conftest import PHONE, Visitor
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
Check = Callable[[Page], Awaitable[None]]


def cell(page: Page, ticket: str, site: str) -> object:
    return page.locator(f"#cell-{ticket}-{site}")


async def test_it_is_live(page: Page, pair: SitePair) -> None:
    """From the edit at the holder to the screen: every step an event, none a reload."""
    at_b = page.locator("#cell-T-siteb")
    await expect(page.locator("#cell-T-sitea")).to_contain_text("holder")
    await expect(at_b).to_contain_text("not delivered yet")
    await expect(at_b).to_contain_text("waits for somebody to replicate it")
    await page.evaluate("window.unchanged = true")
    version = await page.locator("#site-siteb dd").nth(1).text_content()

    await pair.a.call("Replica:T:siteb", "replicate_now")
    await expect(at_b).to_contain_text("in sync")
    await expect(page.locator("#site-siteb dd").nth(1)).not_to_have_text(version or "")

    await pair.a.set_value("vip-ip", "10.1.0.11")
    await expect(at_b).to_contain_text("1 behind")
    await pair.a.set_value("vip-ip", "10.1.0.12")
    await expect(at_b).to_contain_text("2 behind")

    await pair.b.set_value("web-config", "/etc/quick-fix.conf")
    await expect(at_b).to_contain_text("drifted (1 field)")
    await expect(at_b.get_by_role("link", name="Heal T at siteb")).to_be_visible()

    await pair.b.call("Ticket:T", "pause")
    await expect(at_b.locator(".state", has_text=re.compile("^paused$"))).to_be_visible()
    await pair.b.call("Ticket:T", "pin")
    await expect(at_b).to_contain_text("pinned")
    await pair.a.call("Ticket:T", "standby")
    await expect(page.locator("#cell-T-sitea")).to_contain_text("standby")
    assert await page.evaluate("window.unchanged")


async def test_focus_stays_while_it_changes(page: Page, pair: SitePair) -> None:
    link = page.locator("#ticket-U").get_by_role("link", name="Plan U for siteb")
    await link.focus()
    await pair.b.call("Ticket:U", "pause")
    await expect(page.locator("#cell-U-siteb .state", has_text=re.compile("^paused$"))).to_be_visible()
    await expect(link).to_be_focused()
    await pair.b.call("Ticket:U", "resume")
    await expect(page.locator("#cell-U-siteb .state", has_text=re.compile("^paused$"))).to_have_count(0)
    await expect(link).to_be_focused()


async def test_a_split_is_loud(page: Page, pair: SitePair, accessible: Check) -> None:
    await pair.b.call("Ticket:U", "grant")
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("Split: ticket U is held by sitea and siteb at once.")
    await expect(page.locator("#cell-U-siteb")).to_contain_text("holder, split")
    await accessible(page)
    await pair.b.call("Ticket:U", "revoke")
    await expect(alert).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_follows_the_system_and_anybody_can_read_it(
    visitor: Visitor, web: Served, accessible: Check, scheme: str
) -> None:
    page = await visitor(web.link(), color_scheme=scheme)
    root = page.locator("html")
    await expect(root).to_have_attribute("data-bs-theme", scheme)
    await accessible(page)
    other = "light" if scheme == "dark" else "dark"
    await page.get_by_role("button", name=f"Use the {other} theme").click()
    await expect(root).to_have_attribute("data-bs-theme", other)
    await page.reload()
    await expect(root).to_have_attribute("data-bs-theme", other)
    await accessible(page)


async def test_it_fits_a_phone(visitor: Visitor, web: Served, accessible: Check) -> None:
    page = await visitor(web.link(), viewport=PHONE)
    await expect(page.locator("#cell-T-sitea")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await accessible(page)


async def test_the_keyboard_does(page: Page) -> None:
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("#"))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    focused = page.locator(":focus")
    assert await focused.evaluate("element => document.getElementById('main').contains(element)")
    assert await focused.evaluate("element => getComputedStyle(element).outlineStyle") != "none"


async def test_a_site_that_is_lost_is_said_to_be_and_found_again(page: Page, pair: SitePair) -> None:
    url = pair.b.bus.url("siteb")
    await pair.b.stop()
    try:
        await expect(page.locator("#site-siteb")).to_contain_text("not reached")
        await expect(page.get_by_role("status").filter(has_text=f"Nobody answers at {url}")).to_be_visible()
        await expect(page.locator("#cell-T-siteb")).to_contain_text("unreachable")
        await expect(page.get_by_role("link", name="Plan T for siteb")).to_have_count(0)
    finally:
        await pair.b.start()
    await expect(page.locator("#site-siteb")).to_contain_text("connected")
    await expect(page.locator("#cell-T-siteb")).not_to_contain_text("unreachable")


async def test_the_sites_page(page: Page, accessible: Check) -> None:
    await page.get_by_role("navigation").get_by_role("link", name="Sites").click()
    await expect(page.get_by_role("heading", name="Sites", level=1)).to_be_visible()
    await expect(page.get_by_role("link", name="Sites")).to_have_attribute("aria-current", "page")
    await accessible(page)


async def test_it_does_without_scripts(visitor: Visitor, web: Served) -> None:
    page = await visitor(web.link(), java_script_enabled=False)
    await expect(page.locator("#cell-T-sitea")).to_contain_text("holder")
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()


async def test_a_session_that_ends_takes_its_pages_along(page: Page, web: Served) -> None:
    await expect(page.locator("#cell-T-sitea")).to_be_visible()
    await expect(page.locator("#overview")).to_have_attribute("data-live", "")
    await web.sessions.close()
    await expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()


async def test_a_web_console_that_is_gone_is_said_to_be(visitor: Visitor, web: Served) -> None:
    async with Served(web.connect, port=free_port()) as another:  # it comes back at the same one
        page = await visitor(another.link())
        overview = page.locator("#overview")
        await expect(overview).to_have_attribute("data-live", "")
    await expect(overview).to_have_attribute("data-not-live", "")
    await expect(page.locator("#cell-T-sitea")).to_contain_text("holder")
    async with Served(web.connect, port=another.port):
        # Its sessions are gone with it.
        await expect(page.get_by_role("heading", name="Not signed in")).to_be_visible()
