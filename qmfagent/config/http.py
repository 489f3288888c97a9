"""`[http]`: where the agent tells how it is, to Prometheus and to probes.

Rules of this file: plain http is for this host alone; anything else is https with the certificates of [tls], where who asks
shows one too.
"""

from __future__ import annotations

from dataclasses import dataclass

from qmfagent.bus.security.credentials import is_loopback
from qmfagent.bus.security.tls import TlsConfig
from qmfagent.config.http_url import read_http_url
from qmfagent.config.table import Table

_FORM = "write http://127.0.0.1:9464, or https://HOST:PORT"


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """An address to listen at, which is an IP address or a name; port 0 takes a free one. `tls` is None for plain http."""

    host: str = "127.0.0.1"
    port: int = 9464
    tls: TlsConfig | None = None

    @property
    def url(self) -> str:
        """The address as it is written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def read_http(table: Table, tls: TlsConfig | None) -> HttpConfig:
    """Read the section. Raises ConfigError."""
    table.only("url")
    url = read_http_url(table, _FORM)
    host, port = url.hostname or "", url.port
    if port is None or url.username is not None:
        raise table.wrong("url", _FORM)
    if url.path not in ("", "/") or url.query or url.fragment:
        raise table.wrong("url", f"{_FORM}; the paths below it are fixed")
    if url.scheme == "http":
        if not is_loopback(host):
            hint = "write https:// and add [tls], or listen on 127.0.0.1"
            raise table.wrong("url", hint, ", which would offer the state of this cluster to the whole network")
        return HttpConfig(host, port)
    if tls is None or tls.certificate is None:
        raise table.wrong("url", "add [tls] with certificate, key and ca", ", which needs a certificate")
    return HttpConfig(host, port, tls)
