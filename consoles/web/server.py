"""The web console behind a socket.

Rules of this file: it ends when it is asked to, whatever is open: the sessions end first, and with them their event streams, so
that nobody has to be waited for.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

PATIENCE = 5
"""Seconds that answers under way get at the end."""
MOST_CONNECTIONS = 500


@dataclass(frozen=True, slots=True)
class Front:
    """How it is met: certificate and key for HTTPS, the path that it is mounted at, and the addresses of the proxies whose
    X-Forwarded-For and X-Forwarded-Proto are believed, with commas; all empty where there is no such thing."""

    certificate: Path | None = None
    key: Path | None = None
    root_path: str = ""
    proxies: str = ""


class Server(uvicorn.Server):
    """Serves one application on sockets that are bound already. Signals are the caller's; `stop` ends it."""

    def __init__(
        self, app: Starlette, front: Front | None = None, on_started: Callable[[], None] = lambda: None
    ) -> None:
        """`on_started` is called once it serves. Raises ConfigError where certificate and key can't be used."""
        front = front or Front()
        self._app = app
        self._on_started = on_started
        super().__init__(
            uvicorn.Config(
                app,
                ssl_certfile=front.certificate,
                ssl_keyfile=front.key,
                root_path=front.root_path,
                proxy_headers=bool(front.proxies),
                forwarded_allow_ips=front.proxies,
                access_log=False,
                log_config=None,
                server_header=False,
                ws="none",
                lifespan="on",
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=PATIENCE,
                h11_max_incomplete_event_size=32 * 1024,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the sessions, then what is left."""
        await self._app.state.sessions.close()
        await super().shutdown(sockets)

    def stop(self) -> None:
        """End it."""
        self.should_exit = True


async def serve_until_told(server: Server, sockets: list[socket.socket]) -> None:
    """Serve until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve(sockets)
