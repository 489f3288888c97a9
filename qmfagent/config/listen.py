"""`[listen]`: the agent's own AMQP node."""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.bus.tls import TlsConfig
from qmfagent.config.table import Table
from qmfagent.config.urls import read_url

DEFAULT_URL = "amqp://127.0.0.1:5672"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the agent listens, and how often it tells that it is there (seconds)."""

    url: str = DEFAULT_URL
    heartbeat: int = 10


def read_listen(table: Table, tls: TlsConfig | None) -> Listen:
    """Read the section. Raises ConfigError."""
    table.only("url", "heartbeat")
    return Listen(read_url(table, tls, DEFAULT_URL), table.number("heartbeat", 10, 1, 3600, "seconds"))
