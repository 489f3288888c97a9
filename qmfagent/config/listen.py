"""`[listen]`: the agent's own AMQP node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.config.table import Table
from qmfagent.config.urls import read_url

DEFAULT_URL = "amqp://127.0.0.1:5672"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the agent listens, and how often it tells that it is there, and what has changed (both in seconds).

    `password_url` is a second port, for users of the sasldb file `users` who log in with passwords; empty where there is none.
    """

    url: str = DEFAULT_URL
    heartbeat: int = 10
    password_url: str = ""
    users: Path | None = None
    publish_interval: int = 10


def read_listen(table: Table, tls: TlsConfig | None) -> Listen:
    """Read the section. Raises ConfigError."""
    table.only("url", "heartbeat", "publish_interval", "password_url", "users")
    return Listen(
        read_url(table, tls, DEFAULT_URL),
        table.seconds("heartbeat", 10),
        *_passwords(table, tls),
        table.seconds("publish_interval", 10),
    )


def _passwords(table: Table, tls: TlsConfig | None) -> tuple[str, Path | None]:
    users = table.optional_path("users")
    if ("password_url" in table) != (users is not None):
        raise table.error(
            f"'password_url' and 'users' in {table.where} belong together",
            "users are who may log in there with a password",
        )
    if users is None:
        return "", None
    url = read_url(table, tls, key="password_url")
    if not BusUrl.parse(url).secure:
        raise table.wrong("password_url", "write amqps://", ", where passwords would travel unencrypted")
    return url, users
