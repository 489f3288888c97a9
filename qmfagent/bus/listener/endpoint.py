"""One port of a listener: where it is, and how peers prove who they are there.

Rules of this file: without TLS only loopback is listened on, and peers are anonymous. With TLS either certificates or
passwords are asked for, never either at one port: a client without certificate must not look like one that has failed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from qmfagent.bus.security.credentials import is_loopback
from qmfagent.bus.security.reload import ReloadedDomain
from qmfagent.bus.security.sasl import use_users
from qmfagent.bus.security.tls import TlsConfig, check_tls
from qmfagent.bus.url import BusUrl
from qmfagent.errors import BusError, ConfigError

BACKLOG = 1024


class Endpoint:
    """One port. `passwords` says whether peers log in with user and password; `domain` is what TLS takes, if it is spoken."""

    def __init__(self, url: str, tls: TlsConfig | None = None, users: Path | None = None) -> None:
        """Prepare to listen at `url` (amqp://HOST:PORT or amqps://HOST:PORT; port 0 takes a free one).

        With `users`, a sasldb file, peers log in with user and password, else they show certificates of the CA.
        Raises ConfigError for a URL, certificates or users that can't be used.
        """
        self.url = BusUrl.parse(url)
        self.passwords = users is not None
        self.domain = self._domain(tls)
        if users is not None:
            if self.domain is None:
                raise ConfigError(f"passwords would travel unencrypted to {url}", hint="write amqps://")
            use_users(users)

    async def open(self, accept: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        """Listen. Raises ConfigError where the address is unsafe, BusError where it can't be had."""
        loop = asyncio.get_running_loop()
        host, port = self.url.host, self.url.port
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            if self.domain is None:
                self._require_loopback([str(info[4][0]) for info in found])
            return await loop.create_server(accept, host, port, backlog=BACKLOG)
        except OSError as error:
            raise BusError(
                f"can't listen at {self.url}: {error.strerror or error}", hint="is another agent running there?"
            ) from error

    def _domain(self, tls: TlsConfig | None) -> ReloadedDomain | None:
        check_tls(self.url, tls, "give certificate, key and CA")
        return tls.server_domain(ask_for_certificates=not self.passwords) if tls is not None else None

    def _require_loopback(self, addresses: Iterable[str]) -> None:
        if not all(map(is_loopback, addresses)):
            raise ConfigError(
                f"{self.url} would offer this cluster to the whole network without TLS",
                hint="make certificates with `qmfagent certs`, put them under [tls] and write amqps://, "
                "or listen on 127.0.0.1",
            )
