"""Actions on tickets, history, journals and drills, in a real browser, on real agents."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair, until
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
Check = Callable[[Page], Awaitable[None]]


async def replicated(pair: SitePair) -> None:
    """Have T at siteb."""
    await pair.b.replica("T", "sitea", direction="from")
    plan = await pair.b.call("Site:siteb", "plan", ticket="T")
    if plan["token"]:
        await pair.b.call("Site:siteb", "apply", token=plan["token"])


async def test_a_split_is_called_one_before_it_happens(
    page: Page, web: Served, pair: SitePair, accessible: Check
) -> None:
    await replicated(pair)
    await page.goto(f"{web.url}/tickets/T/grant?at=siteb")
    await expect(page.get_by_role("heading", name="Grant T to siteb?")).to_be_visible()
    await expect(page.locator(".notice-bad")).to_contain_text("Split: sitea holds it.")
    await expect(page.locator("main")).to_contain_text("What depends on it is started at siteb: shop.")
    await expect(page.locator("main")).to_contain_text(
        "No node of siteb can start anything now: siteb-node1 is offline."
    )
    await accessible(page)
    assert (await pair.b.object("Ticket:T"))["granted"] is False


async def test_what_the_cluster_leaves_alone_runs_on_when_its_ticket_is_revoked(
    page: Page, web: Served, pair: SitePair
) -> None:
    await page.goto(f"{web.url}/tickets/T/revoke?at=sitea")
    await expect(page.locator("main")).to_contain_text("as its loss-policy says, at sitea: shop.")
    await expect(page.locator("main")).not_to_contain_text("does not manage")
    mode = '<nvpair id="left-alone-mode" name="maintenance-mode" value="true"/>'
    await pair.a.create("crm_config", f'<cluster_property_set id="left-alone">{mode}</cluster_property_set>')
    try:
        assert pair.a.agent is not None
        inventory = pair.a.agent.inventory
        await until(lambda: "vip" in inventory.seen().unmanaged, "the maintenance mode seen by the agent")
        await page.reload()
        await expect(page.locator(".notice-bad", has_text="does not stop them: vip, web.")).to_be_visible()
    finally:
        await pair.a.delete("left-alone")


async def test_a_ticket_is_paused_and_followed_again(page: Page, web: Served, pair: SitePair) -> None:
    await replicated(pair)
    await page.goto(f"{web.url}/tickets/T/pause?at=siteb")
    await page.get_by_role("button", name="Pause").press("Enter")
    await expect(page.get_by_role("heading", name="Ticket T is paused at siteb.")).to_be_visible()
    assert (await pair.b.object("Ticket:T"))["paused"] is True
    await page.goto(f"{web.url}/tickets/T")
    await page.locator("#at-siteb").get_by_role("link", name="End the pause").click()
    await page.get_by_role("button", name="End the pause").click()
    await expect(page.get_by_role("heading", name="Ticket T is followed again at siteb.")).to_be_visible()
    assert (await pair.b.object("Ticket:T"))["paused"] is False


async def test_the_history_goes_on_page_by_page(page: Page, web: Served, pair: SitePair, accessible: Check) -> None:
    await replicated(pair)
    for _ in range(26):
        for action in ("pause", "resume"):
            await pair.b.call("Ticket:T", action)
    await page.goto(f"{web.url}/history")
    await page.get_by_label("Site", exact=True).select_option("siteb")
    await page.get_by_role("button", name="Show").click()
    await expect(page).to_have_url(re.compile("site=siteb"))
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(50)
    await expect(rows.first).to_contain_text("held no more")
    await accessible(page)
    shown = [await row.get_attribute("id") for row in await rows.all()]
    await page.get_by_role("link", name="Older").click()
    await expect(page.get_by_role("link", name="Newest")).to_be_visible()
    await page.wait_for_load_state()
    older = [await row.get_attribute("id") for row in await rows.all()]
    assert older
    assert not set(older) & set(shown)


async def test_journals_are_verified(page: Page, web: Served, pair: SitePair, accessible: Check) -> None:
    await page.goto(f"{web.url}/journal")
    await expect(page.locator("#journals")).to_contain_text("not verified in this session yet")
    await page.get_by_role("button", name="Verify all journals").click()
    await expect(page.locator("#verdict")).to_contain_text("verified")
    for site in ("sitea", "siteb"):
        await expect(page.locator(f"#journal-{site}")).to_contain_text("as recorded")
    await accessible(page)


@pytest.mark.pacemaker
async def test_a_drill_says_what_would_run(page: Page, web: Served, pair: SitePair, accessible: Check) -> None:
    await replicated(pair)
    await page.goto(f"{web.url}/drill?site=siteb&ticket=T")
    await page.get_by_role("button", name="Drill").click()
    # Pacemaker's tools are run for it.
    await expect(page.get_by_role("heading", name="Not all of it would run")).to_be_visible(timeout=90_000)
    await expect(page.locator("#blocked")).to_contain_text("vip would not run")
    await expect(page.locator("#drilled-T-siteb")).to_contain_text("would not run")
    await accessible(page)


async def test_what_can_not_be_asked_is_said(page: Page, web: Served) -> None:
    for address, text in (
        ("/apply?site=siteb&token=unknown", "this session was shown no such plan"),
        ("/tickets/T/plan", "the address of this page lacks 'to'"),
        ("/rollback?site=siteb&change=x", "is no number of a change"),
        ("/rollback?site=siteb&change=99999", "there is no change 99999"),
        ("/history?below=x", "is no place in a history"),
        ("/history/siteb/0", "there is no change 0"),
        ("/tickets/T/plan?to=sitea", "holder"),
    ):
        answer = await page.goto(web.url + address)
        assert answer is not None
        assert answer.status in (400, 404, 409)
        await expect(page.get_by_role("alert")).to_contain_text(text)
