"""Who is told of the agent's spans, or nobody, by the configuration.

Rules of this file: without `[traces]` nothing is told, and nothing is imported that it takes.
"""

from __future__ import annotations

from typing import Protocol

from qmfagent.config.traces import TracesConfig
from qmfagent.errors import ConfigError
from qmfagent.trace import Tracer

LIBRARIES = ("opentelemetry", "requests")


class Traces(Protocol):
    """Where spans go."""

    def start(self) -> Tracer:
        """Begin: who is to be told. Raises ConfigError for certificates that can't be used."""

    async def stop(self) -> None:
        """Tell what is not told yet, in two seconds at most."""


def make_traces(config: TracesConfig | None, site: str) -> Traces | None:
    """Where the spans of the agent of `site` go. Raises ConfigError where that takes what is not installed."""
    if config is None:
        return None
    try:
        from qmfagent.telemetry.tracing import OtlpTraces
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in LIBRARIES:
            raise
        raise ConfigError(
            "[traces] takes OpenTelemetry, which is not installed",
            hint="install it with: pip install 'qmfagent[telemetry]'; or leave [traces] out",
        ) from None
    return OtlpTraces(config, site)
