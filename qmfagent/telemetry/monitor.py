"""Who watches the agent, or nobody: what of this room there is, by the configuration.

Rules of this file: without `[http]` nothing is counted, nothing listens, and nothing is imported that it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from qmfagent.config.http import HttpConfig
from qmfagent.errors import ConfigError
from qmfagent.policy.access import Access
from qmfagent.replication.ports import unmeasured
from qmfagent.telemetry.facts import Facts

LIBRARY = "prometheus_client"


class Monitor(Protocol):
    """What the agent tells its watcher."""

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """An event was raised."""

    def measure(self, operation: str, cause: str) -> AbstractContextManager[object]:
        """What is done inside is an operation of replication, as Measure of its ports says."""

    async def start(self, read: Callable[[], Facts], problem: Callable[[], str]) -> int:
        """Let others look; the port, 0 for none. `read` gives the facts, `problem` why the agent can't do its work, in words,
        empty where it can. Raises ConfigError and BusError where it can't listen."""

    async def stop(self) -> None:
        """Let nobody look any more."""


class Unwatched:
    """The monitor of an agent that nobody watches."""

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        """Nothing."""

    def measure(self, operation: str, cause: str) -> AbstractContextManager[object]:
        """Nothing."""
        return unmeasured(operation, cause)

    async def start(self, read: Callable[[], Facts], problem: Callable[[], str]) -> int:
        """Nothing."""
        return 0

    async def stop(self) -> None:
        """Nothing."""


def make_monitor(config: HttpConfig | None, access: Access, site: str) -> Monitor:
    """The monitor of the agent of `site`. Raises ConfigError where it takes what is not installed."""
    if config is None:
        return Unwatched()
    try:
        from qmfagent.telemetry.http_monitor import HttpMonitor
    except ModuleNotFoundError as error:
        if error.name != LIBRARY:
            raise
        raise ConfigError(
            "[http] takes prometheus-client, which is not installed",
            hint="install it with: pip install 'qmfagent[metrics]'; or leave [http] out",
        ) from None
    return HttpMonitor(config, access, site)
