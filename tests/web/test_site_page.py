"""The page of a site in a real browser, on real agents."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_a_site_has(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/sites/sitea")
    await expect(page.locator("#resources-count")).to_have_text("5 in all.")
    await expect(page.locator("#resource-vip th")).to_have_class("depth-1")
    await expect(page.locator("#resource-vip")).to_contain_text("ocf:heartbeat:IPaddr2")
    await expect(page.locator("#resource-vip")).to_contain_text("unknown")
    await expect(page.locator("#ticket-T")).to_contain_text("holder")
    await expect(page.locator("#node-sitea-node1")).to_contain_text("offline")
    await expect(page.locator("#peers-head ~ *")).to_contain_text("connected")


async def test_an_edit_of_the_cib_shows_on_the_open_page(page: Page, web: Served, pair: SitePair) -> None:
    await page.goto(f"{web.url}/sites/siteb")
    await expect(page.locator("#resources-count")).to_have_text("1 in all.")
    await pair.b.create("resources", '<primitive id="new-one" class="ocf" provider="pacemaker" type="Dummy"/>')
    await expect(page.locator("#resource-new-one")).to_contain_text("ocf:pacemaker:Dummy")
    await pair.b.delete("new-one")
    await expect(page.locator("#resource-new-one")).to_have_count(0)


async def test_what_is_not_managed_says_so(page: Page, web: Served, pair: SitePair) -> None:
    await page.goto(f"{web.url}/sites/siteb")
    await expect(page.locator("#resources-count")).to_have_text("1 in all.")
    own = '<meta_attributes id="alone-m"><nvpair id="alone-n" name="is-managed" value="false"/></meta_attributes>'
    alone = f'<primitive id="alone" class="ocf" provider="pacemaker" type="Dummy">{own}</primitive>'
    await pair.b.create("resources", alone)
    await expect(page.locator("#resource-alone")).to_contain_text("unmanaged")
    await pair.b.delete("alone")
    await expect(page.locator("#resource-alone")).to_have_count(0)


async def test_a_change_of_a_ticket_shows_on_the_open_page(page: Page, web: Served, pair: SitePair) -> None:
    await page.goto(f"{web.url}/sites/sitea")
    await pair.a.ticket("T", "standby")
    await expect(page.locator("#ticket-T")).to_contain_text("standby")
    await pair.a.ticket("T", "activate")
    await expect(page.locator("#ticket-T")).not_to_contain_text("standby")


async def test_the_filter(page: Page, web: Served, pair: SitePair) -> None:
    await page.goto(f"{web.url}/sites/sitea")
    await page.get_by_label("Resources with").fill("pgsql")
    await expect(page.locator("#resources-count")).to_have_text("1 of 5.")
    await expect(page).to_have_url(f"{web.url}/sites/sitea?q=pgsql&state=")
    await expect(page.get_by_label("Resources with")).to_be_focused()
    await pair.a.create("resources", '<primitive id="new" class="ocf" provider="heartbeat" type="pgsql"/>')
    await expect(page.locator("#resources-count")).to_have_text("2 of 6.")
    await pair.a.delete("new")
    await expect(page.locator("#resources-count")).to_have_text("1 of 5.")


async def test_a_site_that_there_is_not(page: Page, web: Served) -> None:
    answer = await page.goto(f"{web.url}/sites/nowhere")
    assert answer is not None
    assert answer.status == 404
    await expect(page.locator("h1 + .notice")).to_contain_text("there is no site 'nowhere' here")
