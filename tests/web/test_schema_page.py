"""The schema browser, and calls from its forms, in a real browser on real agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.sites.pair import SitePair
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
Check = Callable[[Page], Awaitable[None]]


async def call(page: Page, method: str, **values: str) -> None:
    """Open the form of a method, fill it in and send it."""
    form = page.locator(f"#method-{method}")
    await form.locator("summary").click()
    for name, value in values.items():
        await form.locator(f"[name='arg.{name}']").fill(value)
    await form.get_by_role("button").click()


async def test_classes_and_events(page: Page, web: Served) -> None:
    await page.goto(f"{web.url}/schema")
    await page.get_by_role("link", name="sitea").click()
    classes = page.get_by_role("region", name="Classes")
    await expect(classes).to_contain_text("replicate_now")
    await expect(classes.locator("tbody tr").first).to_contain_text("The cluster that the agent runs in")
    await page.locator("summary", has_text="drift_found").click()
    await expect(page.get_by_role("region", name="Arguments of drift_found")).to_contain_text(
        "User who made the change"
    )
    await page.get_by_role("link", name="Ticket").click()
    await page.get_by_role("link", name="Ticket:T").click()
    await expect(page.locator("#object ~ dl").first).to_contain_text("granted")


async def test_a_method_that_reads_is_called_at_once(page: Page, web: Served, accessible: Check) -> None:
    await page.goto(f"{web.url}/schema/sitea/Site")
    await call(page, "query", path="configuration/nodes")
    await expect(page.get_by_role("region", name="xml")).to_contain_text('<node id="1" uname="sitea-node1"/>')
    await page.locator("summary", has_text="JSON").click()
    await expect(page.locator("#document")).to_contain_text('"version": "0.')
    await accessible(page)


async def test_a_value_that_does_not_fit_is_named_at_its_field(page: Page, web: Served, accessible: Check) -> None:
    await page.goto(f"{web.url}/schema/sitea/Site")
    await call(page, "events", since="soon")
    await expect(page.get_by_label("since")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#field-since-problem")).to_have_text("This is not an integer.")
    await accessible(page)
    await page.get_by_label("since").fill("0")
    await page.get_by_label("limit").fill("1")
    await page.get_by_role("button", name="Call", exact=True).click()
    await expect(page.locator("#result")).to_contain_text("published")


async def test_what_may_change_something_is_confirmed(
    page: Page, web: Served, pair: SitePair, accessible: Check
) -> None:
    await page.goto(f"{web.url}/schema/siteb/Ticket?object=Ticket:T")
    assert not (await pair.b.object("Ticket:T"))["paused"]
    await call(page, "pause")
    await expect(page.locator("h1")).to_have_text("Call pause of Ticket:T at siteb?")
    await accessible(page)
    assert not (await pair.b.object("Ticket:T"))["paused"]
    await page.get_by_role("button", name="Call pause").click()
    await expect(page.locator("main")).to_contain_text("It gives nothing back.")
    assert (await pair.b.object("Ticket:T"))["paused"]


async def test_what_there_is_not(page: Page, web: Served) -> None:
    for path in ("schema/nowhere", "schema/sitea/Nothing", "schema/sitea/Ticket?object=Ticket:none"):
        answer = await page.request.get(f"{web.url}/{path}")
        assert answer.status == 404, path
