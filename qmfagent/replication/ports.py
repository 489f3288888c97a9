"""What replication needs of the outside, as it sees it. The adapters have these shapes and know nothing of replication."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.closure import Closure
from qmfagent.cib.overrides import OverrideUse
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.replication.authority import Claim
from qmfagent.replication.publication import Publication


class CibStore(Protocol):
    """This site's CIB."""

    async def snapshot(self) -> Snapshot:
        """The newest snapshot. Raises Disconnected."""
        ...

    def changes(self) -> AsyncIterator[CibChange | CibLost]:
        """Every change after the call."""
        ...

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        """Write a patchset atomically, on that configuration and no other. Raises ClusterError."""
        ...


class Remotes(Protocol):
    """The other sites, as far as they can be reached."""

    async def claims(self, ticket: str) -> list[Claim]:
        """What every reachable site says of the ticket now. Raises BusError where one of them does not say."""
        ...

    async def publication(self, site: str, ticket: str) -> Publication:
        """What the site publishes for the ticket. Raises BusError, and InputError where it can't be read."""
        ...


# Makes a closure fit for this site; the second value says what each override did. May take seconds.
Mangler = Callable[[Closure], tuple[Closure, tuple[OverrideUse, ...]]]

# Completes what is known of the agents (class:provider:type) that it is given, within some seconds at most.
AgentsLearner = Callable[[Iterable[str]], Awaitable[None]]

# Takes the name of an event and its values.
EventSink = Callable[[str, Mapping[str, Any]], None]


async def nothing_to_learn(agents: Iterable[str]) -> None:
    """What serves where all is known of agents that can be."""
