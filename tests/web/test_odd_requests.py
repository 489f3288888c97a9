"""Whatever a client asks for, it is answered, and not with a fault of ours: requests as nobody writes them, to every page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consoles.numbers import LARGEST
from consoles.web.app import PAGES
from tests.web.served import WAIT, Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATHS = [
    route.path for page in PAGES for route in page if "GET" in (route.methods or ()) and route.path != "/open/{token}"
]
ASKED = ["adopt", "at", "below", "change", "event", "id", "level", "object", "page", "path", "q", "since", "site"]
ASKED += ["state", "ticket", "to", "token"]
ENDLESS = "1" * 5000
"""Digits, more than Python would read."""

numbers = st.sampled_from([str(LARGEST), str(LARGEST + 1), str(2**63), "-1", "%D9%A3", ENDLESS])
octets = st.binary(max_size=20).map(lambda found: "".join(f"%{octet:02x}" for octet in found))
marks = st.sampled_from(["%00", "%ff", "%ed%a0%80", "//*[", "[@id=%27", "a" * 3000, "sitea", "T", "Ticket", "Ticket:"])
texts = st.one_of(numbers, octets, marks, numbers.map("sitea:{}".format), numbers.map("sitea=x:{}".format))
queries = st.lists(st.tuples(st.sampled_from(ASKED), texts), max_size=6)
cookies = st.sampled_from(["", "=;;,", '{}="\\777"; {}', "\xff={}"])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def odd(web: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in."""
    async with httpx.AsyncClient(base_url=web.url, timeout=WAIT) as client:
        await client.get(web.link())
        yield client


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PATHS), st.lists(texts, min_size=2, max_size=2), queries, texts, cookies)
@example("/history/{site}/{change}", ["sitea", ENDLESS], [], "", "")
@example("/history/{site}/{change}", ["sitea", str(LARGEST)], [], "", "")
@example("/live/events", [], [("since", f"sitea=x:{ENDLESS}")], "", "")
@example("/live/events", [], [], "a=1&" * 2000, "")
@example("/rollback", [], [("site", "sitea"), ("change", str(LARGEST))], "", "")
@example("/history", [], [("below", f"sitea:{LARGEST}")], "", "")
async def test_every_request_has_an_answer(
    odd: httpx.AsyncClient, path: str, parts: list[str], query: list[tuple[str, str]], last: str, cookie: str
) -> None:
    segments = iter(parts)
    target = re.sub(r"\{[^}]*\}", lambda _: next(segments) or "x", path)
    target += "?" + "&".join(f"{name}={text}" for name, text in query)
    headers = {"Last-Event-ID": last.encode(), "Cookie": cookie.encode("latin-1")}
    async with odd.stream("GET", target, headers=headers) as answer:
        assert answer.status_code < 500, target
