"""The page of a ticket and the picture of its closure in a real browser, on real agents."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONSTRAINTS = (
    '<rsc_location id="shop-on-1" rsc="shop" node="sitea-node1" score="100"/>',
    '<rsc_colocation id="web-with-vip" rsc="web" with-rsc="vip" score="INFINITY"/>',
    '<rsc_order id="db-first" first="db" then="shop" kind="Optional"/>',
)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def constraints(pair: SitePair) -> None:
    """More that hangs together at `sitea`; `db-first` crosses the edge of the closure of T."""
    for constraint in CONSTRAINTS:
        await pair.a.create("constraints", constraint)


async def test_where_it_stands(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/tickets/T")
    await expect(page.locator("#at-sitea")).to_contain_text("holder")
    await expect(page.locator("#at-siteb")).to_contain_text("not delivered yet")
    await expect(page.locator("#at-siteb").get_by_role("link", name="Plan")).to_be_visible()


async def test_the_picture_has_the_closure_and_what_is_cut_off(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/tickets/T")
    await expect(page.locator("#graph .boxes .node")).to_have_count(6)
    nodes = await page.eval_on_selector_all(".boxes .node", "all => all.map(e => [e.dataset.id, e.classList.value])")
    assert dict(nodes) == {
        "shop": "node group",
        "vip": "node primitive",
        "web": "node primitive",
        "ticket:T": "node ticket",
        "node:sitea-node1": "node node",
        "db": "node primitive outside",
    }
    edges = await page.eval_on_selector_all(
        "path.edge", "all => all.map(e => [e.dataset.constraint, e.dataset.ends, e.classList.value])"
    )
    assert sorted(edges) == [
        ["db-first", "db shop", "edge order outside"],
        ["shop-on-1", "shop node:sitea-node1", "edge location"],
        ["ticket-shop", "ticket:T shop", "edge ticket"],
        ["web-with-vip", "web vip", "edge colocation"],
    ]
    inside = "e => { const b = e.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height] }"
    group, part = [await page.locator(f".node[data-id={each}] .box").evaluate(inside) for each in ("shop", "web")]
    assert group[0] < part[0]
    assert group[1] < part[1]
    assert group[2] > part[2]
    assert group[3] > part[3]


async def test_the_same_without_seeing_it(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/tickets/T")
    travels = page.get_by_role("region", name="What else travels")
    await expect(travels).to_contain_text("shop needs ticket T; when it is lost: stop")
    await expect(travels).to_contain_text("place shop by node sitea-node1 (score 100)")
    cut_off = page.get_by_role("region", name="What is cut off")
    await expect(cut_off).to_contain_text("start db, then start shop (Optional)")
    await expect(cut_off).not_to_contain_text("ticket-shop")


async def test_without_javascript_there_is_the_list(visitor: Any, web: Served) -> None:
    page = await visitor(web.link(), java_script_enabled=False)
    await page.goto(f"{web.url}/tickets/T")
    await expect(page.get_by_role("region", name="Resources that travel")).to_contain_text("ocf:heartbeat:apache")
    await expect(page.locator("#graph")).to_be_hidden()


async def test_a_box_leads_to_its_configuration_by_keyboard(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/tickets/T")
    await page.locator(".node[data-id=vip]").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("h2").first).to_have_text("primitive vip")


async def test_it_is_drawn_larger_and_smaller(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/tickets/T")
    drawn = page.locator(".graph-box > svg")
    before = int(await drawn.get_attribute("width") or 0)
    await page.get_by_role("button", name="Larger").click()
    assert int(await drawn.get_attribute("width") or 0) == pytest.approx(before * 1.25, abs=2)
    await page.get_by_role("button", name="Fit").click()
    assert int(await drawn.get_attribute("width") or 0) == before


async def test_an_edit_is_drawn_on_the_open_page(page: Page, web: Served, pair: SitePair) -> None:
    await page.goto(f"{web.url}/tickets/T")
    await expect(page.locator(".node[data-id=shop]")).to_be_visible()
    await pair.a.create("constraints", '<rsc_order id="vip-first" first="vip" then="web"/>')
    await expect(page.locator("path[data-constraint=vip-first]")).to_have_count(1)
    await pair.a.delete("vip-first")
    await expect(page.locator("path[data-constraint=vip-first]")).to_have_count(0)
    await expect(page.locator(".node[data-id=shop]")).to_be_visible()


async def test_a_ticket_that_there_is_not(page: Page, web: Served) -> None:
    answer = await page.goto(f"{web.url}/tickets/nothing")
    assert answer is not None
    assert answer.status == 404
    await expect(page.locator("h1 + .notice")).to_contain_text("tickets are: T, U")
