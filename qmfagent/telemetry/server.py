"""A small HTTP server on the event loop, for those who look at the agent.

Rules of this file: GET and HEAD, one request a connection, no body is read. What one peer may take is bounded: the number of
connections, the size of a request's head, the time until all is over. With TLS a peer shows a certificate; who it is goes with
its request. A fault of one connection is that connection's alone.
Source: RFC 9110 (methods, status codes), RFC 9112 (message format).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, parse_headers
from io import BytesIO

from cryptography import x509

from qmfagent.bus.security.reload import Reloaded
from qmfagent.config.http import HttpConfig
from qmfagent.errors import BusError
from qmfagent.keys.certs import identity_of

MAX_CONNECTIONS = 32
MAX_HEAD = 8 * 1024
"""Bytes of a request line with all its headers."""
TIMEOUT = 10.0
"""Seconds from the connection to the end of the answer."""
BACKLOG = 64
PAUSE = 1.0
"""Seconds to wait where no connection can be accepted."""
TEXT = "text/plain; charset=utf-8"

_METHODS = ("GET", "HEAD")
_END = b"\r\n\r\n"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: a path, without its query; `accept` is the header of that name. `user` is the subject of the peer's
    certificate (RFC 4514 form), None where there is no TLS."""

    path: str
    accept: str = ""
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT

    @classmethod
    def text(cls, status: HTTPStatus, text: str) -> Response:
        """A line of text."""
        return cls(status, f"{text}\n".encode())


class HttpServer:
    """Listens where the configuration says; `answer` answers requests."""

    def __init__(self, config: HttpConfig, answer: Callable[[Request], Awaitable[Response]]) -> None:
        """Raises ConfigError for certificates that can't be used."""
        self._config = config
        self._answer = answer
        self._tls: Reloaded[ssl.SSLContext] | None = config.tls.server_context() if config.tls else None
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listen: the port. Raises BusError where the address can't be had."""
        config = self._config
        try:
            found = await asyncio.get_running_loop().getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)
            family, _, _, _, address = found[0]
            listening = socket.create_server(address, family=family, backlog=BACKLOG)
        except OSError as error:
            raise BusError(
                f"can't listen at {config.url}: {error.strerror or error}", hint="is another program listening there?"
            ) from error
        listening.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(listening))
        port = int(listening.getsockname()[1])
        _log.info("metrics and health at %s (port %d)", config.url, port)
        return port

    async def stop(self) -> None:
        """Stop listening, and drop all connections."""
        tasks = [*self._connections, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listening:
            while True:
                try:
                    accepted, _ = await loop.sock_accept(listening)
                except OSError as error:
                    _log.warning("no connection can be accepted at %s: %s", self._config.url, error)
                    await asyncio.sleep(PAUSE)
                    continue
                if len(self._connections) >= MAX_CONNECTIONS:
                    accepted.close()
                    continue
                serving = asyncio.create_task(self._serve(accepted))
                self._connections.add(serving)
                serving.add_done_callback(self._connections.discard)

    async def _serve(self, accepted: socket.socket) -> None:
        transport: asyncio.BaseTransport | None = None
        try:
            async with asyncio.timeout(TIMEOUT):
                reader, writer = await self._open(accepted)
                transport = writer.transport
                writer.write(await self._exchange(reader, writer))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _log.debug("a connection at %s ended: %r", self._config.url, error)
        except Exception:
            _log.exception("a request at %s could not be answered", self._config.url)
        finally:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
            else:
                accepted.close()

    async def _open(self, accepted: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The streams of a connection, once TLS stands where it is spoken."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=MAX_HEAD)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, accepted, ssl=self._tls.current() if self._tls else None
        )
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Read a request: the bytes that answer it."""
        try:
            head = await reader.readuntil(_END)
        except asyncio.LimitOverrunError:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            return _encoded("GET", Response.text(status, f"a request has at most {MAX_HEAD} bytes"))
        line, _, rest = head.partition(b"\r\n")
        words = line.decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _encoded("GET", Response.text(HTTPStatus.BAD_REQUEST, "this is no HTTP/1.1 request"))
        method, target, _ = words
        if method not in _METHODS:
            return _encoded(method, Response.text(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD are allowed"))
        try:
            accept = parse_headers(BytesIO(rest)).get("Accept", "")
        except HTTPException:
            return _encoded(method, Response.text(HTTPStatus.BAD_REQUEST, "these headers can't be read"))
        user = _user(writer) if self._tls else None
        return _encoded(method, await self._answer(Request(target.partition("?")[0], str(accept), user)))


def _user(writer: asyncio.StreamWriter) -> str:
    """The subject of the peer's certificate, which TLS has verified."""
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return identity_of(x509.load_der_x509_certificate(certificate))


def _encoded(method: str, response: Response) -> bytes:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }
    if response.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_METHODS)
    lines = [f"HTTP/1.1 {response.status} {response.status.phrase}", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else response.body)
