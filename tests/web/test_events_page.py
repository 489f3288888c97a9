"""The page of events in a real browser, on real agents: live, filtered, and whole after it was away."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.sites.pair import SitePair, until
from tests.web.served import Served
from tests.web.wire import Wire

pytestmark = pytest.mark.asyncio(loop_scope="session")


def told(page: Page, event: str) -> Locator:
    """The rows of events of that name."""
    return page.locator(f".event[data-event={event}]")


async def move(pair: SitePair, action: str, ticket: str = "T") -> None:
    """Change a ticket, and wait until its agent has told of it: two changes that come together would be one."""
    before = len(pair.a.seen("ticket_changed", ticket=ticket))
    await pair.a.ticket(ticket, action)
    await until(lambda: len(pair.a.seen("ticket_changed", ticket=ticket)) > before, f"{action} of {ticket}")


async def follow(page: Page, url: str) -> None:
    """Open a page of events and wait until it is live."""
    await page.goto(url)
    await expect(page.locator("#events[data-live]")).to_be_attached()


async def test_it_begins_with_what_is_kept_and_goes_on_live(page: Page, web: Served, pair: SitePair) -> None:
    await follow(page, f"{web.url}/events")
    await expect(told(page, "published").first).to_contain_text("version 0.5.0 of term")
    before = await told(page, "ticket_changed").count()
    await move(pair, "standby")
    await expect(told(page, "ticket_changed")).to_have_count(before + 1)
    newest = told(page, "ticket_changed").first
    await expect(newest).to_contain_text("granted, standby")
    await expect(newest.get_by_role("link", name="T", exact=True)).to_have_attribute("href", "/tickets/T")
    number = await newest.get_attribute("data-number")
    await expect(newest.get_by_role("link", name=f"no. {number}")).to_have_attribute("href", f"/history/sitea/{number}")
    await move(pair, "activate")
    await expect(told(page, "ticket_changed")).to_have_count(before + 2)


async def test_the_filter(page: Page, web: Served, pair: SitePair) -> None:
    await follow(page, f"{web.url}/events")
    await page.get_by_label("Event", exact=True).select_option("ticket changed")
    await page.get_by_label("Ticket").fill("U")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator("#events[data-live]")).to_be_attached()
    await expect(page.locator(".event")).to_have_count(0)
    await move(pair, "standby")
    await move(pair, "standby", "U")
    await expect(page.locator(".event")).to_have_count(1)
    await expect(page.locator(".event")).to_contain_text("U")
    for ticket in ("T", "U"):
        await move(pair, "activate", ticket)


async def test_after_a_lost_connection_it_has_what_it_missed_once(visitor: Any, web: Served, pair: SitePair) -> None:
    async with Wire(web.port) as wire:
        page = await visitor(web.link().replace(str(web.port), str(wire.port)))
        await follow(page, f"http://127.0.0.1:{wire.port}/events?event=ticket_changed")
        before = await told(page, "ticket_changed").count()
        await move(pair, "standby")
        await expect(told(page, "ticket_changed")).to_have_count(before + 1)
        wire.cut()
        assert wire.cuts
        await expect(page.locator("#events[data-not-live]")).to_be_attached()
        await move(pair, "activate")
        await move(pair, "standby")
        wire.mend()
        await expect(told(page, "ticket_changed")).to_have_count(before + 3)
        await move(pair, "activate")
        await expect(told(page, "ticket_changed")).to_have_count(before + 4)
        numbers = await told(page, "ticket_changed").evaluate_all("all => all.map(e => Number(e.dataset.number))")
        assert numbers == sorted(set(numbers), reverse=True)


async def test_it_holds_and_goes_on(page: Page, web: Served, pair: SitePair) -> None:
    await follow(page, f"{web.url}/events?event=ticket_changed")
    before = await told(page, "ticket_changed").count()
    await page.get_by_role("button", name="Hold").click()
    await move(pair, "standby")
    await move(pair, "activate")
    await page.get_by_role("button", name="Go on").click()
    await expect(told(page, "ticket_changed")).to_have_count(before + 2)


async def test_lost_and_found_sites_are_told(page: Page, web: Served, pair: SitePair) -> None:
    await follow(page, f"{web.url}/events")
    await pair.b.stop()
    await expect(page.locator(".event-between", has_text="site siteb is lost").first).to_be_visible()
    await pair.b.start()
    await expect(page.locator(".event-between", has_text="site siteb is found").first).to_be_visible()


async def test_without_javascript_there_is_what_is_kept(visitor: Any, web: Served) -> None:
    page = await visitor(web.link(), java_script_enabled=False)
    await page.goto(f"{web.url}/events?event=published&site=sitea&level=note")
    await expect(told(page, "published").first).to_contain_text("version 0.5.0 of term")
    await expect(page.locator("[data-hold]")).to_be_hidden()


async def test_a_place_that_is_none(page: Page, web: Served) -> None:
    answer = await page.request.get(f"{web.url}/live/events?since=sitea%3Dnowhere")
    assert answer.status == 404
