"""Fakes of replication's ports, for tests of its parts: a store in memory, and sites that answer as they are told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from qmfagent.cib import document
from qmfagent.cib.closure.closure import Closure, closure
from qmfagent.cib.mangling.mangle import Mangled
from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.simulation import SimulatedNode, SimulatedResource, Simulation
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term, TicketState
from qmfagent.cib.version import Version
from qmfagent.errors import ConfigurationChanged, QmfAgentError, Refused
from qmfagent.policy.agents import AllowList
from qmfagent.policy.secrets import Secrets
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.authority import Claim
from qmfagent.replication.ports import Recorded
from qmfagent.replication.publishing.publication import Publication
from qmfagent.replication.publishing.signature import Signer, Verifier
from qmfagent.replication.standing import Standing
from tests.replication.conftest import SOURCE

_KEYS = {site: Ed25519PrivateKey.generate() for site in ("a", "b", "c")}
SIGNERS = {site: Signer(key) for site, key in _KEYS.items()}
ACCEPTANCE = Acceptance(
    Verifier({site: key.public_key() for site, key in _KEYS.items()}), AllowList.of("ocf:*:*"), Secrets()
)
"""What a site takes that knows the keys of all, and takes every agent of class ocf."""


class MemoryStore:
    """A CIB in memory: snapshot and apply, alike to FileCib's by test_fakes.py. `problem` is raised at every write;
    `applied` counts the writes."""

    def __init__(self, cib: bytes) -> None:
        self.current = Snapshot.parse(cib)
        self.problem: QmfAgentError | None = None
        self.unseen: QmfAgentError | None = None
        self.applied = 0

    async def snapshot(self) -> Snapshot:
        if self.unseen:
            raise self.unseen
        return self.current

    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version:
        await asyncio.sleep(0)
        if self.problem:
            raise self.problem
        if expected_config_digest != self.current.config_digest:
            raise ConfigurationChanged("the configuration has changed", hint="plan again")
        patch = document.parse_element(patchset)
        if patch.find("change") is None:
            return self.current.version
        self.current = self.current.advance(patch)
        self.applied += 1
        return self.current.version


@dataclass
class FakeRemotes:
    """The other sites: what each claims, and what it publishes, an error being raised instead.

    A publication that is not signed yet is signed with the key of the site that gives it."""

    claimed: dict[str, Claim | QmfAgentError] = field(default_factory=dict)
    published: dict[str, Publication | QmfAgentError] = field(default_factory=dict)
    asked: int = 0

    async def claims(self, ticket: str) -> list[Claim]:
        self.asked += 1
        await asyncio.sleep(0)
        return [_given(claim) for claim in self.claimed.values()]

    async def publication(self, site: str, ticket: str, known: str = "") -> Publication:
        given: Publication = _given(self.published[site])
        return given if given.signature else SIGNERS[site].signed(given)

    def hold(self, site: str, term: int = 1) -> None:
        """Let this site alone hold the ticket."""
        self.claimed = {name: Claim(name, False, Term(0, 0)) for name in [*self.published, *self.claimed]}
        self.claimed[site] = Claim(site, True, Term(0, term))


class FakeSimulator:
    """Says that `running` run on n1 once a ticket is granted, or raises `problem`; `asked` are the tickets."""

    def __init__(self, *running: str, problem: QmfAgentError | None = None) -> None:
        self.running = running
        self.problem = problem
        self.asked: list[str] = []

    async def grant(self, cib: Snapshot, ticket: str) -> tuple[Simulation, Simulation]:
        self.asked.append(ticket)
        if self.problem:
            raise self.problem
        stopped, runs = SimulatedResource({}), SimulatedResource({"n1": "Started"})
        known = {i: runs if i in self.running else stopped for i in cib.references.container}
        actions = tuple(Action("start", i, "", "n1") for i in self.running)
        nothing = Simulation((), (SimulatedNode("n1"),), {}, frozenset(), {}, {})
        return nothing, replace(nothing, actions=actions, resources=known)


class Events:
    """Keeps the events that are raised."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, name: str, values: Mapping[str, Any]) -> None:
        self.all.append((name, values))

    def named(self, name: str) -> list[Mapping[str, Any]]:
        """The values of all events of a name."""
        return [values for each, values in self.all if each == name]


class MemoryLedger:
    """A journal in memory, which outlives the parts that are given it: what is recorded, its documents and standings.

    `problem` is raised at the next record of that name, before anything is kept.
    """

    def __init__(self) -> None:
        self.records: list[Recorded] = []
        self.documents: dict[str, bytes] = {}
        self.problem: dict[str, BaseException] = {}
        self._standings: dict[str, Standing] = {}

    def record(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        documents: Iterable[bytes] = (),
        standing: Standing | None = None,
    ) -> int:
        if name in self.problem:
            raise self.problem.pop(name)
        self.records.append(Recorded(len(self.records) + 1, name, len(self.records), dict(values)))
        self.documents |= {hashlib.sha256(document).hexdigest(): document for document in documents}
        if standing:
            self._standings[standing.ticket] = standing
        return len(self.records)

    def __call__(self, name: str, values: Mapping[str, Any]) -> None:
        """Record an event, as an EventSink does."""
        self.record(name, values)

    def recorded(self, number: int) -> Recorded:
        if not 0 < number <= len(self.records):
            raise Refused("unknown-change", f"there is no change {number}")
        return self.records[number - 1]

    def of_ticket(self, ticket: str, names: Collection[str], limit: int, before: int = 0) -> list[Recorded]:
        found = [r for r in reversed(self.records) if r.name in names and r.values.get("ticket") == ticket]
        return [r for r in found if not before or r.number < before][:limit]

    def document(self, digest: str) -> bytes | None:
        return self.documents.get(digest)

    def standings(self) -> Mapping[str, Standing]:
        return self._standings

    @property
    def all(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Name and values of all records."""
        return [(record.name, record.values) for record in self.records]

    def named(self, name: str) -> list[Mapping[str, Any]]:
        """The values of all records of a name."""
        return [record.values for record in self.records if record.name == name]


def publication(site: str = "a", term: int = 1, version: int = 5, cib: bytes = SOURCE) -> Publication:
    """What a site publishes of ticket T."""
    found = closure(Snapshot.parse(cib), "T")
    return Publication(site, "T", Term(0, term), Version(0, version, 0), found.digest, "pacemaker-3.9", found.canonical)


def unmangled(source: Closure, tickets: Mapping[str, TicketState]) -> Mangled:
    """A mangler that changes nothing."""
    return Mangled(source)


def _given(value: Any) -> Any:
    if isinstance(value, QmfAgentError):
        raise value
    return value
