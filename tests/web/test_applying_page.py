"""From a plan to its apply and back, in a real browser, on real agents."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair, until
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
Check = Callable[[Page], Awaitable[None]]

_ADDRESSES = count(20)


async def published(pair: SitePair) -> str:
    """Give T another address at its holder, and wait until siteb knows; the address."""
    address = f"10.1.0.{next(_ADDRESSES)}"
    await pair.a.set_value("vip-ip", address)
    found = await pair.a.event("published", ticket="T", version=str(pair.a.snapshot.version))
    await pair.b.replica("T", "sitea", published=found.values["digest"], state="behind")
    return address


async def applied(pair: SitePair) -> int:
    """Replicate T as it is now, by the API; the number of the change."""
    plan = await pair.b.call("Site:siteb", "plan", ticket="T")
    return int((await pair.b.call("Site:siteb", "apply", token=plan["token"]))["change"])


async def recorded(pair: SitePair, name: str) -> list[dict[str, Any]]:
    """What siteb's own record has of T by that name, newest first; the events of it come later."""
    found = await pair.b.call("Site:siteb", "history", ticket="T", limit=500)
    return [change for change in found["changes"] if change["name"] == name]


async def edited(pair: SitePair) -> None:
    """Have somebody edit at siteb what was delivered there, and wait until its agent has found that."""
    before = len(pair.b.seen("drift_found"))
    await pair.b.set_value("vip-ip", "10.9.9.9")
    await until(lambda: len(pair.b.seen("drift_found")) > before, "drift_found at siteb")


def address_at(pair: SitePair) -> str:
    """The address that T has at siteb, empty where there is none."""
    found = pair.b.snapshot.ids.get("vip-ip")
    return "" if found is None else str(found.get("value"))


async def open_plan(page: Page, web: Served) -> None:
    """The plan of T for siteb."""
    await page.goto(f"{web.url}/tickets/T/plan?to=siteb")


async def test_a_plan_is_read_confirmed_and_applied_by_keyboard_alone(
    page: Page, web: Served, pair: SitePair, accessible: Check
) -> None:
    address = await published(pair)
    await open_plan(page, web)
    await expect(page.locator(".plan .create").first).to_contain_text(address)
    await expect(page.get_by_role("heading", name="Replication of T at siteb")).to_be_visible()
    await accessible(page)
    await page.get_by_role("link", name="Apply this plan").press("Enter")

    await expect(page.get_by_role("heading", name="Replicate ticket T to siteb?")).to_be_visible()
    await expect(page.locator("form.confirm")).to_contain_text("elements are added")
    await expect(page.locator("form.confirm")).to_contain_text("Exactly this plan is applied")
    await accessible(page)
    assert address_at(pair) != address
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "Apply":
            break
    await page.keyboard.press("Enter")

    await expect(page.locator("#verdict")).to_contain_text("done")
    await expect(page.locator("#told")).to_contain_text("writes")
    assert address_at(pair) == address
    newest, *_ = await recorded(pair, "applied")
    await expect(page.locator("#result-siteb")).to_contain_text(f"as change {newest['number']}")
    await accessible(page)


async def test_nothing_is_applied_twice(page: Page, web: Served, pair: SitePair) -> None:
    await published(pair)
    await open_plan(page, web)
    await page.get_by_role("link", name="Apply this plan").click()
    confirmation = page.url
    before = len(await recorded(pair, "applied"))
    await page.get_by_role("button", name="Apply", exact=True).dblclick()
    await expect(page.locator("#verdict")).to_contain_text("done")
    fields = {"csrf": await page.locator("input[name=csrf]").first.input_value()}
    fields |= {"site": "siteb", "token": confirmation.rpartition("token=")[2]}
    again = await page.request.post(f"{web.url}/apply", form=fields, headers={"Origin": web.url})
    assert again.ok
    assert "is applied at siteb" in await again.text()
    await page.go_back()
    await expect(page.locator("#verdict, form.confirm, .deeds").first).to_be_visible()
    await page.goto(confirmation)
    await expect(page.locator("#verdict")).to_contain_text("done")
    assert len(await recorded(pair, "applied")) == before + 1
    assert not await recorded(pair, "apply_failed")


async def test_a_plan_is_refused_where_the_site_has_changed_and_made_anew(
    page: Page, web: Served, pair: SitePair, accessible: Check
) -> None:
    address = await published(pair)
    await open_plan(page, web)
    await page.get_by_role("link", name="Apply this plan").click()
    await pair.b.create("resources", '<primitive id="edit" class="ocf" provider="pacemaker" type="Dummy"/>')
    await pair.b.event("resource_changed", id="edit")
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.locator("#verdict")).to_contain_text("not done")
    await expect(page.locator("#since")).to_contain_text("with administrator: created primitive edit")
    await expect(page.get_by_role("alert")).to_contain_text("Reason:")
    await accessible(page)
    assert address_at(pair) != address
    await page.get_by_role("link", name="Make a new plan").click()
    await page.get_by_role("link", name="Apply this plan").click()
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.locator("#verdict")).to_contain_text("done")
    assert address_at(pair) == address
    await open_plan(page, web)
    await expect(page.get_by_text("There is nothing to do.")).to_be_visible()
    await expect(page.get_by_role("link", name="Apply this plan")).to_have_count(0)


async def test_a_change_is_rolled_back_from_the_history(
    page: Page, web: Served, pair: SitePair, accessible: Check
) -> None:
    if not address_at(pair):
        await published(pair)
        await applied(pair)
    before = address_at(pair)
    address = await published(pair)
    number = await applied(pair)
    await page.goto(f"{web.url}/history?site=siteb&ticket=T")
    row = page.locator(f"#change-siteb-{number}")
    await expect(row).to_contain_text("1 change from sitea")
    await accessible(page)
    await row.get_by_role("link", name=f"Change {number} at siteb", exact=True).click()
    await expect(page.locator(".plan .modify").first).to_contain_text(address)
    await accessible(page)
    await page.get_by_role("link", name="Roll it back").click()
    await expect(page.get_by_role("heading", name=f"Rollback of change {number} of T at siteb")).to_be_visible()
    await page.get_by_role("link", name="Apply this plan").click()
    await expect(page.locator("form.confirm")).to_contain_text("pinned at siteb")
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.get_by_role("heading", name="Ticket T is rolled back at siteb")).to_be_visible()
    assert address_at(pair) == before
    assert (await pair.b.object("Ticket:T"))["pinned"] == number

    await page.goto(f"{web.url}/tickets/T/unpin?at=siteb")
    await page.get_by_role("button", name="Unpin").click()
    await expect(page.get_by_role("heading", name="Ticket T is pinned no more at siteb.")).to_be_visible()
    assert (await pair.b.object("Ticket:T"))["pinned"] == 0


async def test_an_edit_is_healed(page: Page, web: Served, pair: SitePair) -> None:
    await published(pair)
    await applied(pair)
    delivered = address_at(pair)
    await edited(pair)
    await page.goto(f"{web.url}/heal?site=siteb&ticket=T")
    await expect(page.locator(".plan .modify").first).to_contain_text(re.compile("10.9.9.9"))
    await page.get_by_role("link", name="Apply this plan").click()
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.get_by_role("heading", name="Ticket T is healed at siteb")).to_be_visible()
    assert address_at(pair) == delivered


async def test_it_needs_no_script(visitor: Callable[..., Awaitable[Page]], web: Served, pair: SitePair) -> None:
    address = await published(pair)
    page = await visitor(web.link(), java_script_enabled=False)
    await open_plan(page, web)
    await page.get_by_role("link", name="Apply this plan").click()
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.locator("#verdict")).to_contain_text("done")  # the page has reloaded itself where it had to
    assert address_at(pair) == address


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_plan_with_everything_in_it_can_be_read_by_all(
    visitor: Callable[..., Awaitable[Page]], web: Served, pair: SitePair, accessible: Check, theme: str
) -> None:
    if not address_at(pair):
        await published(pair)
        await applied(pair)
    await published(pair)
    await edited(pair)
    page = await visitor(web.link(), color_scheme=theme, viewport={"width": 390, "height": 844})
    await open_plan(page, web)
    await expect(page.locator(".plan .problems .warning, .plan .problems .error").first).to_be_visible()
    await expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
    await accessible(page)
    wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide
    await applied(pair)
