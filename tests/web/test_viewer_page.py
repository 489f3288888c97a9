"""What a viewer is offered, and what becomes of it when he asks for more all the same."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from qmfagent.policy.access import Access, Rule
from qmfagent.policy.roles import Role
from tests.sites.pair import SitePair
from tests.web.served import Served, connect_to
from tests.web.sites import SOURCE, TARGET

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def looked_at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SitePair]:
    """A pair at whose second site everybody is a viewer."""
    sites = SitePair(tmp_path_factory.mktemp("viewer"), SOURCE, TARGET, mode="manual")
    sites.b.config = replace(sites.b.config, access=Access((Rule(sites.b.bus.callers, Role.VIEWER),)))
    async with sites:
        yield sites


async def test_nothing_is_offered_and_nothing_is_done(
    looked_at: SitePair, visitor: Callable[..., Awaitable[Page]], caplog: pytest.LogCaptureFixture
) -> None:
    async with Served(connect_to(looked_at.a.bus.url(site) for site in looked_at.sites)) as served:
        page = await visitor(served.link())
        await looked_at.b.replica("T", "sitea", state="behind")
        await page.goto(f"{served.url}/tickets/T/plan?to=siteb")
        await expect(page.get_by_text("You may not apply it at siteb.")).to_be_visible()
        await expect(page.locator(".plan .create").first).to_be_visible()
        await expect(page.get_by_role("link", name="Apply this plan")).to_have_count(0)
        await page.goto(f"{served.url}/tickets/T")
        await expect(page.locator("#at-siteb").get_by_role("link", name="Grant")).to_have_count(0)
        await expect(page.locator("#at-sitea").get_by_role("link", name="Revoke")).to_have_count(1)
        await page.goto(f"{served.url}/tickets/T/grant?at=siteb")
        await expect(page.get_by_role("button", name="Grant")).to_have_count(0)
        await page.goto(f"{served.url}/drill")
        await expect(page.get_by_label("Granted to").locator("option")).to_have_text(["sitea"])

        csrf = await page.locator("input[name=csrf]").first.input_value()
        token = (await looked_at.b.call("Site:siteb", "plan", ticket="T"))["token"]

        async def post(path: str, **fields: str) -> tuple[int, str]:
            form = {"csrf": csrf, **fields}
            answer = await page.request.post(f"{served.url}/{path}", form=form, headers={"Origin": served.url})
            return answer.status, await answer.text()

        with caplog.at_level(logging.INFO, "consoles.web"):
            status, text = await post("tickets/T/grant", at="siteb")
            assert (status, "forbidden" in text) == (403, True)
            await post("apply", site="siteb", token=token)
        await page.goto(f"{served.url}/apply?site=siteb&token={token}")
        await expect(page.locator("#verdict")).to_contain_text("not done")
        await expect(page.get_by_role("alert")).to_contain_text("forbidden")
        assert "anonymous (127.0.0.1): POST /apply" in caplog.text
    assert "shop" not in looked_at.b.snapshot.members
    assert not looked_at.b.seen("applying")


async def test_no_method_that_writes_has_a_form(looked_at: SitePair, visitor: Callable[..., Awaitable[Page]]) -> None:
    async with Served(connect_to(looked_at.a.bus.url(site) for site in looked_at.sites)) as served:
        page = await visitor(served.link())
        await looked_at.b.replica("T", "sitea", state="behind")
        await page.goto(f"{served.url}/schema/siteb/Site")
        await expect(page.locator("#method-query")).to_be_visible()
        await expect(page.locator("#method-apply, #method-drill")).to_have_count(0)
        await page.goto(f"{served.url}/schema/siteb/Ticket?object=Ticket:T")
        await expect(page.locator("main")).to_contain_text("none that you may call on Ticket:T")
        csrf = await page.locator("input[name=csrf]").first.input_value()
        form = {"csrf": csrf, "site": "siteb", "object": "Ticket:T", "method": "pause", "confirmed": "yes"}
        answer = await page.request.post(f"{served.url}/call", form=form, headers={"Origin": served.url})
        assert answer.status == 403
        assert "may not call Ticket.pause" in await answer.text()
        assert not (await looked_at.b.object("Ticket:T"))["paused"]
        without = await page.request.post(
            f"{served.url}/call", form={**form, "csrf": "forged"}, headers={"Origin": served.url}
        )
        assert without.status == 403
