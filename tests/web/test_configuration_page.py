"""The configuration browser in a real browser, on real agents."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_tree_opens_where_it_is_asked_to(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/sites/sitea/configuration")
    await page.locator("summary", has_text="inside resources").press("Enter")
    await page.locator("summary", has_text="inside group shop").press("Enter")
    await page.get_by_role("link", name="primitive vip").click()
    await expect(page.locator("h2").first).to_have_text("primitive vip")
    await expect(page.get_by_role("navigation", name="Path")).to_contain_text("shop")


async def test_an_element_is_explained_and_its_references_followed(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/sites/sitea/configuration?id=shop")
    await expect(page.locator("main")).to_contain_text("In the closure of T")
    await expect(page.get_by_role("region", name="Steps")).to_contain_text("published for ticket T")
    await expect(page.get_by_role("region", name="XML")).to_contain_text(
        '<nvpair id="vip-ip" name="ip" value="10.1.0.10"/>'
    )
    await page.get_by_role("link", name="constraints/rsc_ticket[@id='ticket-shop']").click()
    await page.get_by_role("region", name="Attributes").get_by_role("link", name="shop").click()
    await expect(page.locator("h2").first).to_have_text("group shop")


async def test_search(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/sites/sitea/configuration")
    await page.get_by_label("Search for an id or any text").fill("/etc/shop.conf")
    await page.get_by_role("button", name="Search").click()
    await expect(page.locator("#found")).to_have_text("1 found")
    await page.locator(".tree a").click()
    await expect(page.locator("h2").first).to_have_text("nvpair web-config")


async def test_without_javascript(visitor: Any, web: Served) -> None:
    page = await visitor(web.link(), java_script_enabled=False)
    await page.goto(f"{web.url}/sites/sitea/configuration?id=shop")
    await page.get_by_role("link", name="Look for references").click()
    await expect(page.locator("h1")).to_have_text("What refers to shop")
    await expect(page.locator(".tree")).to_contain_text("ticket-shop")


async def test_what_the_agent_keeps_secret_is_not_shown(page: Page, web: Served, pair: SitePair) -> None:
    parameters = (
        '<instance_attributes id="s-ia"><nvpair id="s-pw" name="password" value="geheim"/></instance_attributes>'
    )
    await pair.a.create(
        "resources", f'<primitive id="s" class="ocf" provider="pacemaker" type="Dummy">{parameters}</primitive>'
    )
    await pair.a.event("resource_changed", id="s")
    await page.goto(f"{web.url}/sites/sitea/configuration?id=s-pw")
    await expect(page.locator("h2").first).to_have_text("nvpair s-pw")
    assert "geheim" not in await page.content()
    await pair.a.delete("s")


@pytest.mark.parametrize(
    ("query", "status"), [("id=nothing", 404), ("path=configuration/nothing", 404), ("path=status//a//b", 409)]
)
async def test_what_there_is_not(page: Page, web: Served, query: str, status: int) -> None:
    answer = await page.goto(f"{web.url}/sites/sitea/configuration?{query}")
    assert answer is not None
    assert answer.status == status
    await expect(page.locator("h1 + .notice")).to_be_visible()
