"""What replication needs of the outside, as it sees it. The adapters have these shapes and know nothing of replication."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.closure.closure import Closure
from qmfagent.cib.mangling.mangle import Mangled
from qmfagent.cib.plans.plan import Plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.cib.version import Version
from qmfagent.replication.authority import Claim
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.standing import Standing

if TYPE_CHECKING:
    from qmfagent.cib.simulation.preview import Preview


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

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        """What the site publishes for the ticket, told against the publication of digest `known` where it can be.

        Raises Refused (version) where nothing is taken from there, BusError, and InputError where it can't be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record: its number, its name, nanoseconds since the epoch, and its values."""

    number: int
    name: str
    time_ns: int
    values: Mapping[str, Any]


class Ledger(Protocol):
    """This site's journal: every record is an event too, and has a number."""

    def record(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        documents: Iterable[bytes] = (),
        standing: Standing | None = None,
    ) -> int:
        """Record an event of that class and tell it: its number. One write: the documents are kept beside it as long as it
        is, each under its SHA-256, and `standing` is from now on that of its ticket."""
        ...

    def recorded(self, number: int) -> Recorded:
        """One record. Raises Refused (unknown-change) where it is not kept, or not any more."""
        ...

    def of_ticket(self, ticket: str, names: Collection[str], limit: int, before: int = 0) -> list[Recorded]:
        """The newest records of that ticket with one of these names, newest first; with `before`, of those with a lower
        number."""
        ...

    def document(self, digest: str) -> bytes | None:
        """The document of that SHA-256 (hexadecimal); None where it is not kept."""
        ...

    def standings(self) -> Mapping[str, Standing]:
        """Where this site stands, by ticket."""
        ...


class Checks(Protocol):
    """What Pacemaker and the resource agents here say to a plan before it is written."""

    async def checked(self, plan: Plan, target: Snapshot, candidate: Snapshot, wanted: Closure, schema: str) -> Plan:
        """The plan with what was found added to its problems, and with an upgrade where it takes one.

        It makes `candidate` of `target`, which has the members of `wanted` then; `schema` is what the publisher's CIB is
        validated with, empty where that is not known. Takes some seconds at most.
        """
        ...


class Simulator(Protocol):
    """What the cluster would do with a configuration."""

    async def preview(self, target: Snapshot, candidate: Snapshot) -> Preview | None:
        """What starts, stops, moves and restarts when `target` becomes `candidate`; None where nothing can tell."""
        ...


class NoChecks:
    """Checks that find nothing, for where there is nothing to ask."""

    async def checked(self, plan: Plan, target: Snapshot, candidate: Snapshot, wanted: Closure, schema: str) -> Plan:
        """The plan as it is."""
        return plan


class NoSimulator:
    """A simulator for where nothing can tell."""

    async def preview(self, target: Snapshot, candidate: Snapshot) -> Preview | None:
        """None."""
        return None


# Makes a closure fit for this site, whose tickets are in these states. May take seconds.
Mangler = Callable[[Closure, Mapping[str, TicketState]], Mangled]

# Completes what is known of the agents (class:provider:type) that it is given, within some seconds at most.
AgentsLearner = Callable[[Iterable[str]], Awaitable[None]]

# What is done inside is measured by who wants to know: an operation, PLAN or APPLY, and the cause of the plan (plans.py).
Measure = Callable[[str, str], AbstractContextManager[object]]
PLAN, APPLY = "plan", "apply"

# Takes the name of an event and its values.
EventSink = Callable[[str, Mapping[str, Any]], None]


async def nothing_to_learn(agents: Iterable[str]) -> None:
    """What serves where all is known of agents that can be."""


def unmeasured(operation: str, cause: str) -> AbstractContextManager[object]:
    """What serves where nobody wants to know."""
    return nullcontext()
