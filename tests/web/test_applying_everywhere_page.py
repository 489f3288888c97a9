"""One ticket to all sites, in a real browser, on real agents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.sites.pair import Site, SiteGroup
from tests.web.served import Served, connect_to
from tests.web.sites import SOURCE, TARGET

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLASH = TARGET.replace(b"local-b", b"shop")
PLAN = "/tickets/T/plan?to=all"


@pytest_asyncio.fixture(loop_scope="session")
async def group(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SiteGroup]:
    """Four agents in manual mode; sitea holds T and U, and what is at sited is in the way of T."""
    cibs = {"sitea": SOURCE, "siteb": TARGET, "sitec": TARGET, "sited": CLASH}
    async with SiteGroup(tmp_path_factory.mktemp("group"), cibs, mode="manual") as sites:
        yield sites


@pytest_asyncio.fixture(loop_scope="session")
async def served(group: SiteGroup) -> AsyncIterator[Served]:
    """A web console at all of them."""
    async with Served(connect_to(group["sitea"].bus.url(site) for site in group.sites)) as web:
        yield web


def has(site: Site, resource: str) -> bool:
    return resource in site.snapshot.members


async def test_where_it_goes_it_is_applied_once_that_is_ticked(
    visitor: Callable[..., Awaitable[Page]],
    served: Served,
    group: SiteGroup,
    accessible: Callable[[Page], Awaitable[None]],
) -> None:
    page = await visitor(served.link(), viewport={"width": 390, "height": 844})
    await page.goto(served.url + PLAN)
    await expect(page.locator("#plan-siteb")).to_contain_text("good")
    await expect(page.locator("#plan-sited")).to_contain_text("clashes with the local primitive")
    await page.locator("#full-sited summary").first.click()
    await expect(page.get_by_role("link", name="Plan to take over local elements at sited")).to_be_visible()
    await accessible(page)
    await page.get_by_role("link", name="Apply these plans").click()
    form = page.locator("form.confirm")
    await expect(form).to_contain_text("Where it fails at one site, the others are rolled back")
    await expect(form).to_contain_text("sited: ")
    await accessible(page)

    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(form).to_be_visible()  # the browser wants it ticked
    fields = {name: await form.locator(f"[name={name}]").input_value() for name in ("csrf", "site", "token")}
    unticked = await page.request.post(f"{served.url}/apply", form=fields, headers={"Origin": served.url})
    assert unticked.status == 400
    assert "Not every plan is good" in await unticked.text()
    assert not has(group["siteb"], "shop")

    await page.get_by_role("checkbox").check()
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.get_by_role("heading", name="Ticket T is applied everywhere")).to_be_visible()
    for name in ("siteb", "sitec"):
        await expect(page.locator(f"#result-{name}")).to_contain_text("applied: ")
        assert has(group[name], "shop")
    await accessible(page)


async def test_the_others_are_rolled_back_where_one_fails(
    visitor: Callable[..., Awaitable[Page]], served: Served, group: SiteGroup
) -> None:
    page = await visitor(served.link())
    await page.goto(served.url + PLAN.replace("T", "U"))
    await page.get_by_role("link", name="Apply these plans").click()
    await group["sitec"].create("resources", '<primitive id="edit" class="ocf" provider="pacemaker" type="Dummy"/>')
    await group["sitec"].event("config_changed", client="administrator")
    await page.get_by_role("button", name="Apply", exact=True).click()
    await expect(page.get_by_role("heading", name="Ticket U is not applied everywhere")).to_be_visible()
    for name, state in (("siteb", "rolled-back"), ("sitec", "failed"), ("sited", "not-tried")):
        await expect(page.locator(f"#result-{name}")).to_contain_text(state)
        assert not has(group[name], "db")
    await expect(page.get_by_role("link", name="Make a new plan")).to_be_visible()
