"""Bus URLs in the file, which go together with its certificates."""

from __future__ import annotations

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.bus.url import BusUrl
from qmfagent.config.table import Table
from qmfagent.errors import ConfigError


def read_url(table: Table, tls: TlsConfig | None, default: str | None = None, key: str = "url") -> str:
    """The bus URL of a table, under `key`. Raises ConfigError where it is none, or does not go with the certificates."""
    text = table.text(key, default)
    try:
        secure = BusUrl.parse(text).secure
    except ConfigError as error:
        raise table.error(f"{key!r} in {table.where}: {error.message}", error.hint) from None
    if secure and tls is None:
        raise table.error(
            f"{key!r} in {table.where} is {text!r}, which needs TLS", "add [tls] with certificate, key and ca"
        )
    if tls is not None and not secure:
        raise table.error(
            f"{key!r} in {table.where} is {text!r}, without TLS, although there is [tls]", "write amqps://"
        )
    return text
