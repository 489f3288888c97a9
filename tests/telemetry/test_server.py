"""The HTTP server: what it answers to good and to bad requests, what it bounds, and whom it lets in."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config.http import HttpConfig
from qmfagent.errors import BusError
from qmfagent.telemetry import server as server_module
from qmfagent.telemetry.server import MAX_CONNECTIONS, MAX_HEAD, HttpServer, Request, Response
from tests.certificates import CertificateAuthority

WAIT = 60.0


async def echo(request: Request) -> Response:
    """Answers with what was asked, and by whom."""
    if request.path == "/fault":
        raise RuntimeError("a fault of ours")
    return Response.text(HTTPStatus.OK, f"{request.path} {request.accept} {request.user}")


@asynccontextmanager
async def serving(config: HttpConfig | None = None) -> AsyncIterator[int]:
    """A server that answers so: its port."""
    server = HttpServer(config or HttpConfig(port=0), echo)
    try:
        yield await server.start()
    finally:
        await server.stop()


async def ask(port: int, data: bytes) -> bytes:
    """All that a server sends to who sends these bytes."""
    async with asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = await reader.read()
        writer.close()
        return answer


async def test_get_and_head() -> None:
    async with serving() as port:
        get = await ask(port, b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n")
        head = await ask(port, b"HEAD /metrics?x=1 HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n")
    start, _, body = get.partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"/metrics text/plain None\n"
    assert f"Content-Length: {len(body)}".encode() in start.split(b"\r\n")
    assert b"X-Content-Type-Options: nosniff" in start.split(b"\r\n")
    assert head == start + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        (b"DELETE / HTTP/1.0\r\n\r\n", b"405"),
        (b"GET /\r\n\r\n", b"400"),
        (b"GET / HTTP/2\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"400"),
        (b"GET /" + b"a" * MAX_HEAD + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nCookie: " + b"a" * 3 * MAX_HEAD, b"431"),
    ],
)
async def test_bad_requests_are_refused(data: bytes, status: bytes) -> None:
    async with serving() as port:
        answer = await ask(port, data)
        assert answer.startswith(b"HTTP/1.1 " + status), answer
        assert (await ask(port, b"GET /still HTTP/1.1\r\n\r\n")).endswith(b"/still  None\n")


async def test_what_is_refused_for_its_method_says_which_are_allowed() -> None:
    async with serving() as port:
        assert b"\r\nAllow: GET, HEAD\r\n" in await ask(port, b"PUT / HTTP/1.1\r\n\r\n")


async def test_a_fault_ends_one_connection_alone() -> None:
    async with serving() as port:
        assert await ask(port, b"GET /fault HTTP/1.1\r\n\r\n") == b""
        assert (await ask(port, b"GET /still HTTP/1.1\r\n\r\n")).endswith(b"/still  None\n")


async def test_who_says_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TIMEOUT", 0.1)
    async with serving() as port:
        assert await _asked_perhaps(port, b"GET / HTTP/1.1\r\n") == b""


async def test_connections_are_bounded() -> None:
    async with serving() as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        # Accepted in their order, so all of these have their place by then.
        assert await ask(port, b"") == b""
        silent.pop()[1].close()
        async with asyncio.timeout(WAIT):
            while not (await _asked_perhaps(port, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 200"):
                pass
        for _, writer in silent:
            writer.close()


async def _asked_perhaps(port: int, data: bytes) -> bytes:
    """The same; nothing where the server did not read all of them before it dropped the connection, which resets it."""
    try:
        return await ask(port, data)
    except ConnectionError:
        return b""


async def test_an_address_that_is_taken() -> None:
    async with serving() as port:
        with pytest.raises(BusError, match=f"can't listen at http://127.0.0.1:{port}"):
            await HttpServer(HttpConfig(port=port), echo).start()


class TlsPair:
    """A server's certificate, and clients that show one or none."""

    def __init__(self, folder: Path) -> None:
        self.authority = CertificateAuthority(folder, "ours")
        self.foreign = CertificateAuthority(folder, "theirs")
        self.server = self.authority.issue("paris")

    def client(self, certificate: TlsConfig | None) -> ssl.SSLContext:
        """What a client takes that trusts the server."""
        context = ssl.create_default_context(cafile=str(self.authority.path))
        if certificate is not None:
            assert certificate.certificate is not None
            context.load_cert_chain(certificate.certificate, certificate.key)
        return context


@pytest.fixture
def tls(tmp_path: Path) -> TlsPair:
    """Such certificates."""
    return TlsPair(tmp_path)


async def https(port: int, context: ssl.SSLContext) -> str:
    """What a server answers over TLS."""
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=WAIT) as client:
        return (await client.get(f"https://localhost:{port}/who")).text


async def test_over_tls_it_knows_who_asks(tls: TlsPair) -> None:
    async with serving(HttpConfig(port=0, tls=tls.server)) as port:
        answer = await https(port, tls.client(tls.authority.issue("prometheus")))
    assert answer.endswith(" CN=prometheus\n")


@pytest.mark.parametrize(
    "shown",
    [
        lambda tls: None,
        lambda tls: tls.foreign.issue("prometheus"),
        lambda tls: tls.authority.issue("prometheus", lasts=-timedelta(hours=1)),
    ],
    ids=["none", "foreign", "expired"],
)
async def test_who_shows_no_good_certificate_gets_no_answer(
    shown: Callable[[TlsPair], TlsConfig | None], tls: TlsPair
) -> None:
    async with serving(HttpConfig(port=0, tls=tls.server)) as port:
        with pytest.raises(httpx.TransportError):
            await https(port, tls.client(shown(tls)))
        assert await https(port, tls.client(tls.authority.issue("prometheus")))


async def test_a_renewed_certificate_is_shown_at_once(tls: TlsPair) -> None:
    assert tls.server.certificate is not None
    assert tls.server.key is not None
    client = tls.client(tls.authority.issue("prometheus"))
    async with serving(HttpConfig(port=0, tls=tls.server)) as port:
        first = await _shown(port, client)
        renewed = tls.authority.issue("renewed", lasts=timedelta(hours=12))
        assert renewed.certificate is not None
        assert renewed.key is not None
        tls.server.certificate.write_bytes(renewed.certificate.read_bytes())
        tls.server.key.write_bytes(renewed.key.read_bytes())
        assert await _shown(port, client) != first


async def _shown(port: int, context: ssl.SSLContext) -> bytes:
    """The certificate that a server shows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
    return shown
