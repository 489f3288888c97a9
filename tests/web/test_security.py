"""What every request goes through, on a web console that is served."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from consoles.live import Live
from consoles.web.rendering import version
from consoles.web.security import MAX_BODY, MAX_FIELDS
from tests.web.served import WAIT, Served

pytestmark = pytest.mark.asyncio(loop_scope="session")
IN_SESSION = "/schema"
"""A page that shows the token of the session, whichever sites there are."""


@pytest_asyncio.fixture(loop_scope="session")
async def client(web: Served) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without a session."""
    async with httpx.AsyncClient(base_url=web.url, timeout=WAIT) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def signed_in(web: Served, client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Somebody with one; its console is not connected, which nothing here needs."""
    live = Live(lambda on_replica: web.connect(None, on_replica))
    identifier = await web.sessions.begin("anonymous", live.console, live)
    client.cookies.set(f"qmfconsole-{web.port}", identifier, domain="127.0.0.1")
    return client


async def csrf(client: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get(IN_SESSION)).text)
    assert found
    return found[1]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What the web console has logged last: the agents are in this process too, and log what they like."""
    return [each.getMessage() for each in caplog.records if each.name.startswith("consoles.web")][-1]


async def is_signed_in(client: httpx.AsyncClient) -> bool:
    return (await client.get("/login")).status_code == 303


async def test_who_is_not_signed_in_is_sent_to_the_way_in(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    answer = await client.get("/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")
    assert (await client.get("/live/overview", headers={"Accept": "text/event-stream"})).status_code == 401
    assert (await client.get("/login")).status_code == 401


async def test_the_link_signs_in_once(web: Served, client: httpx.AsyncClient) -> None:
    link = web.link()
    answer = await client.get(link)
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(rf"qmfconsole-{web.port}=[\w-]{{43}}; HttpOnly; Max-Age=43200; Path=/; SameSite=strict", cookie)
    assert (await client.get("/")).status_code == 200
    async with httpx.AsyncClient(base_url=web.url, timeout=WAIT) as another:
        assert (await another.get(link)).headers["location"] == "/login"
        assert (await another.get("/")).status_code == 303


async def test_headers_of_every_answer(web: Served, signed_in: httpx.AsyncClient) -> None:
    for path in ("/", "/nowhere", "/login", f"/static/{version()}/app.css", "/static/other/app.css"):
        headers = (await signed_in.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == policy["connect-src"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert "permissions-policy" in headers
        assert "server" not in headers
        assert "strict-transport-security" not in headers
        kept = path.startswith(f"/static/{version()}")
        assert headers["cache-control"] == ("public, max-age=31536000, immutable" if kept else "no-store")


async def test_another_host_is_refused(client: httpx.AsyncClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        answer = await client.get("/login", headers={"Host": host})
        assert answer.status_code == 400
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "{url}"}, 303),
        ({"Origin": "{url}", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "{url}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
    ],
)
async def test_what_no_page_of_ours_has_sent_is_refused(
    web: Served, signed_in: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    headers = {name: value.format(url=web.url, port=web.port) for name, value in headers.items()}
    answer = await signed_in.post("/logout", data={"csrf": await csrf(signed_in)}, headers=headers)
    assert answer.status_code == status
    assert await is_signed_in(signed_in) == (status == 403)


async def test_a_form_needs_the_token_of_its_session(web: Served, signed_in: httpx.AsyncClient) -> None:
    origin = {"Origin": web.url}
    for data in ({}, {"csrf": ""}, {"csrf": "x" * 43}):
        assert (await signed_in.post("/logout", data=data, headers=origin)).status_code == 403
    assert (await signed_in.post("/logout", json={"csrf": await csrf(signed_in)}, headers=origin)).status_code == 403
    token = {"X-CSRF-Token": await csrf(signed_in)}
    assert (await signed_in.post("/logout", headers=origin | token)).status_code == 303


@pytest.mark.parametrize("path", ["/login", "/logout", "/call"])
async def test_a_form_of_too_many_fields_is_refused(
    web: Served, signed_in: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    form = {"Origin": web.url, "Content-Type": "application/x-www-form-urlencoded"}
    for token in ({}, {"X-CSRF-Token": await csrf(signed_in)}):
        answer = await signed_in.post(path, content="a=1&" * (MAX_FIELDS + 1), headers=form | token)
        assert (answer.status_code, answer.text.partition(";")[0]) == (403, "the form has more than 1000 fields")
        assert f"POST {path} is refused: the form has more than 1000 fields" in logged(caplog)
    assert await is_signed_in(signed_in)


async def test_another_method_is_refused(web: Served, signed_in: httpx.AsyncClient) -> None:
    headers = {"Origin": web.url, "X-CSRF-Token": await csrf(signed_in)}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert (await signed_in.request(method, "/", headers=headers)).status_code == 403


async def test_a_request_has_a_size(web: Served, client: httpx.AsyncClient) -> None:
    origin = {"Origin": web.url}
    assert (await client.post("/login", data={"user": "x" * MAX_BODY}, headers=origin)).status_code == 413

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * MAX_BODY

    answer = await client.post("/login", content=endless(), headers=origin)
    assert answer.status_code == 413
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_signing_out_ends_the_session(web: Served, signed_in: httpx.AsyncClient) -> None:
    before = len(web.sessions)
    cookies = dict(signed_in.cookies)
    answer = await signed_in.post("/logout", data={"csrf": await csrf(signed_in)}, headers={"Origin": web.url})
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert len(web.sessions) == before - 1
    async with httpx.AsyncClient(base_url=web.url, cookies=cookies, timeout=WAIT) as another:
        assert (await another.get("/")).status_code == 303


async def test_every_post_is_logged_with_who_sent_it(
    web: Served, signed_in: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consoles.web")
    headers = {"Origin": web.url, "X-CSRF-Token": await csrf(signed_in)}
    await signed_in.post("/nowhere", headers=headers)
    assert logged(caplog) == "anonymous (127.0.0.1): POST /nowhere: 404"
    await signed_in.post("/nowhere", headers={"Origin": "http://evil.example"})
    assert logged(caplog).startswith("anonymous (127.0.0.1): POST /nowhere is refused: ")


async def test_what_is_not_there_is_a_page_and_for_htmx_a_part_of_one(signed_in: httpx.AsyncClient) -> None:
    page = await signed_in.get("/nowhere")
    assert page.status_code == 404
    assert page.text.lstrip().startswith("<!doctype html>")
    part = await signed_in.get("/nowhere", headers={"HX-Request": "true"})
    assert part.status_code == 404
    assert part.text.startswith('<div class="notice')
