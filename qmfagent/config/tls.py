"""`[tls]`: the certificates of this site, for both directions."""

from __future__ import annotations

from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config.table import Table


def read_tls(table: Table, *, client: bool = False) -> TlsConfig:
    """Read the section. One who is a `client` alone may log in with a password, and needs the CA alone. Raises ConfigError."""
    table.only("certificate", "key", "ca")
    if client and "certificate" not in table and "key" not in table:
        return TlsConfig(None, None, table.path("ca"))
    return TlsConfig(table.path("certificate"), table.path("key"), table.path("ca"))
