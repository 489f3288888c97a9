"""`[traces]`: where the agent tells OpenTelemetry what it does, and what that came of.

Rules of this file: plain http is for this host alone; anything else is https, verified. Who the agent is to the collector is
not written here: it would be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qmfagent.bus.security.credentials import is_loopback
from qmfagent.config.http_url import read_http_url
from qmfagent.config.table import Table

PATH = "/v1/traces"
_FORM = "write http://127.0.0.1:4318, or https://HOST:PORT"


@dataclass(frozen=True, slots=True)
class TracesConfig:
    """Where to send traces (OTLP over HTTP; `url` is without the path of traces), and which share of them, from 0 to 1. `ca`
    is what an https server is verified with; None for the authorities that the system trusts."""

    url: str = "http://127.0.0.1:4318"
    sample: float = 1.0
    ca: Path | None = None

    @property
    def endpoint(self) -> str:
        """Where requests go. Source: OpenTelemetry Protocol, "OTLP/HTTP Request"."""
        return self.url.rstrip("/") + PATH


def read_traces(table: Table) -> TracesConfig:
    """Read the section. Raises ConfigError."""
    table.only("url", "sample", "ca")
    url = read_http_url(table, _FORM)
    if url.username is not None or url.query or url.fragment:
        raise table.wrong("url", f"{_FORM}; a header with a token comes from OTEL_EXPORTER_OTLP_HEADERS")
    if url.path.rstrip("/").endswith(PATH):
        raise table.wrong("url", f"leave {PATH} out: it is added")
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        hint = "write https://, or have a collector on this host, at 127.0.0.1"
        raise table.wrong("url", hint, ", which would show the whole network what is done here")
    ca = table.optional_path("ca")
    if ca and url.scheme == "http":
        raise table.wrong("ca", "leave it out, or write https://", ", though nothing is verified with plain http")
    return TracesConfig(table.text("url"), table.share("sample", 1.0), ca)
