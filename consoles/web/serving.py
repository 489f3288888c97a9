"""The web console as a process: from the settings of the command to the end of it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import click

from consoles.asynchronous import AsyncConsole
from consoles.settings import Settings
from consoles.values import Object
from consoles.web.app import Options, create_app
from consoles.web.links import Links
from consoles.web.server import Front, Server, serve_until_told
from qmfagent.bus.security.credentials import Credentials
from qmfagent.errors import ConfigError
from qmfagent.log import configure_logging
from qmfagent.service_manager import ServiceManager

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_BACKLOG = 128
_DONE = 0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """Where and how to serve: the options of the command."""

    host: str
    port: int
    login: bool = False
    certificate: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()
    root_path: str = ""
    proxies: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names that browsers may use for it."""
        own = (f"[{self.host}]" if ":" in self.host else self.host,)
        return tuple(dict.fromkeys((*LOOPBACK, *own, *self.names)))


def serve(settings: Settings, served: Served) -> int:
    """Serve until SIGINT or SIGTERM; the exit status. Raises ConfigError for what can't be used."""
    configure_logging("INFO")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    connecting(settings)(None if not served.login else Credentials("nobody", "nothing"), lambda replica: None)
    asyncio.run(_serve(settings, served))
    return _DONE


def connecting(settings: Settings) -> Callable[[Credentials | None, Callable[[Object], None]], AsyncConsole]:
    """What makes the console of a session: as a user with a password, or as the settings say. It raises ConfigError."""

    def connect(credentials: Credentials | None, on_replica: Callable[[Object], None]) -> AsyncConsole:
        who = credentials or settings.credentials
        return replace(settings, credentials=who, on_problem=log.warning).async_console(on_replica)

    return connect


def identity_of(settings: Settings) -> str:
    """Who the agents take a console of these settings for, in words."""
    if settings.credentials is not None:
        return settings.credentials.user
    if settings.tls is not None and settings.tls.certificate is not None:
        return f"certificate {settings.tls.certificate.name}"
    return "anonymous"


async def _serve(settings: Settings, served: Served) -> None:
    listener = _listener(served.host, served.port)
    port = listener.getsockname()[1]
    shown = f"[{served.host}]" if ":" in served.host else served.host
    address = f"{'https' if served.certificate else 'http'}://{shown}:{port}{served.root_path}"
    links = Links(lambda token: click.echo(f"open it once with: {address}/open/{token}"))
    options = Options(connecting(settings), served.hosts, login=served.login, identity=identity_of(settings))
    front = Front(served.certificate, served.key, served.root_path, served.proxies)
    manager = ServiceManager.of_environment()
    server = Server(create_app(options, links=links), front, lambda: manager.ready(f"web console at {address}/"))
    click.echo(f"web console at {address}/")
    if not served.login:
        links.renew()
    living = asyncio.create_task(manager.live())
    try:
        await serve_until_told(server, [listener])
    finally:
        living.cancel()
        manager.stopping()


def _listener(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError where that can't be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"can't listen at {host} port {port}: {error.strerror}", hint="is something else there already?"
        ) from None
