"""`[tls]`: the certificates of this site, for both directions."""

from __future__ import annotations

from qmfagent.bus.tls import TlsConfig
from qmfagent.config.table import Table


def read_tls(table: Table) -> TlsConfig:
    """Read the section. Raises ConfigError."""
    table.only("certificate", "key", "ca")
    return TlsConfig(table.path("certificate"), table.path("key"), table.path("ca"))
