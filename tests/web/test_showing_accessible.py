"""The pages that show things, checked for accessibility in both themes, wide and on a phone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page

from tests.web.conftest import PHONE
from tests.web.served import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
WIDE = {"width": 1280, "height": 800}
PAGES = ("/sites/sitea",)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_accessible(
    visitor: Any, web: Served, accessible: Callable[[Page], Awaitable[None]], scheme: str
) -> None:
    page = await visitor(web.link(), color_scheme=scheme)
    for path in PAGES:
        await page.set_viewport_size(WIDE)
        await page.goto(f"{web.url}{path}")
        await page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")
        await accessible(page)
        await page.set_viewport_size(PHONE)
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
