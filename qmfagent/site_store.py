"""The store of a site's CIB, as the agent has it: what it can do, its first snapshot, and what the site is called there."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.effective import cluster_options
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import BoothView, TicketState
from qmfagent.cib.version import Version
from qmfagent.config import Config, check_site_name
from qmfagent.errors import ClusterError, ConfigError, Disconnected

_log = logging.getLogger(__name__)


class Store(Protocol):
    """A CIB store, with its life cycle: what the adapters in qmfagent.pacemaker are."""

    source: str
    client: str

    @property
    def version(self) -> Version | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def snapshot(self) -> Snapshot: ...
    def changes(self) -> AsyncIterator[CibChange | CibLost]: ...
    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version: ...
    async def ticket(self, name: str, action: Any) -> None: ...
    def booth(self, state: TicketState) -> BoothView: ...


async def first_snapshot(store: Store) -> Snapshot:
    """The snapshot of a started store, waiting for the cluster or the file if need be."""
    changes = store.changes()
    with suppress(Disconnected):
        return await store.snapshot()
    _log.warning("waiting for the CIB (%s)", store.source)
    async for _ in changes:
        # The newest one: more may have happened by the time that the first change is read.
        with suppress(Disconnected):
            return await store.snapshot()
    raise ClusterError("the CIB store was stopped")


def site_name(config: Config, snapshot: Snapshot) -> str:
    """The site's name: as configured, else the cluster's own. Raises ConfigError where there is neither that could be one."""
    if config.site:
        return config.site
    name = cluster_options(snapshot).get("cluster-name", "")
    if not name:
        raise ConfigError(
            "the cluster has no cluster-name", hint='name the site in the agent\'s configuration: site = "..."'
        )
    if name in [peer.site for peer in config.peers]:
        raise ConfigError(f"this cluster is called {name!r}, and a [[peer]] is too", hint="list the other sites alone")
    return check_site_name(name, "the cluster-name of the cluster")
