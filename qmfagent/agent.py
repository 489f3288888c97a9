"""The agent: which port is which adapter, and what flows where.

Rules of this file: it composes and passes on; every decision is taken elsewhere. One direction: a change of the CIB becomes
a snapshot, objects, events and publications; a message becomes a call, a decision of policy, a deed and an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any, Protocol

from qmfagent.agent_bus import make_bus
from qmfagent.announcer import Announcer
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.url import BusUrl
from qmfagent.calls.calls import Calls
from qmfagent.calls.manager import Manager
from qmfagent.calls.methods import Methods
from qmfagent.calls.targets import Targets
from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.closure import Closure
from qmfagent.cib.overrides import OverrideUse
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.cib_watch import CibWatch
from qmfagent.config import Config, check_site_name
from qmfagent.errors import ClusterError, ConfigError, Disconnected, QmfAgentError, Refused
from qmfagent.journal.store import Journal
from qmfagent.keys.signing import read_signer, read_verifier
from qmfagent.management.message import NODE as MANAGEMENT
from qmfagent.objects.changed import ChangedObjects
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.snapshot import NANOSECONDS
from qmfagent.pacemaker.metadata import AgentMetadata, NoMetadata
from qmfagent.peers.link import PRODUCT, VENDOR
from qmfagent.peers.peers import Peers
from qmfagent.policy.redaction import RedactedCib
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf import schema as qmf_schema
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.fields import shown
from qmfagent.qmf.message import INDICATION, Message
from qmfagent.qmf.views import Views
from qmfagent.replication.acceptance import Acceptance
from qmfagent.replication.applier import Applier
from qmfagent.replication.publisher import Publisher
from qmfagent.replication.replica import FROM, Replica, Replicas
from qmfagent.replication.subscriber import Subscriber
from qmfagent.site_file import read_site_rules
from qmfagent.teller import Teller

_log = logging.getLogger(__name__)


class Store(Protocol):
    """A CIB store, with its life cycle: what the adapters in qmfagent.pacemaker are."""

    source: str

    @property
    def version(self) -> Version | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def snapshot(self) -> Snapshot: ...
    def changes(self) -> AsyncIterator[CibChange | CibLost]: ...
    async def apply(self, patchset: bytes, expected_config_digest: str) -> Version: ...
    async def ticket(self, name: str, action: Any) -> None: ...


def load_schema() -> qmf_schema.Schema:
    """The QMF schema of qmfagent, from schemas/qmfagent.xml."""
    return qmf_schema.load((files("qmfagent.schemas") / "qmfagent.xml").read_bytes())


class QmfAgent:
    """One site's agent."""

    def __init__(self, config: Config, store: Store, site: str, snapshot: Snapshot) -> None:
        """Compose the agent of `site` around a started store and its first snapshot.

        Raises ConfigError, SiteFileError and TransformError where the configuration or its site file can't be used.
        """
        self.site = site
        self._config = config
        read_site_rules(config.replication.site_file)
        self.replicas = Replicas(self._replica_changed)
        self.peers = Peers(config.peers, config.tls, self, site=site, broker=config.broker)
        self._metadata = AgentMetadata() if config.cib_file is None else NoMetadata()
        secrets = Secrets(config.secret_names, self._metadata.private_parameters)
        redacted = RedactedCib(secrets)
        acceptance = Acceptance(read_verifier(config.peers), config.replication.agents, secrets)
        self._applier = Applier(site, store, self.peers, self._mangle, self._emit, acceptance, self._metadata.learn)
        schema = load_schema()
        self._events = EventLog(schema, Journal(config.journal.file, config.journal.retention))
        targets = Targets(site, self._applier.ticket_of)
        self.inventory = Inventory(
            schema,
            site,
            store.source,
            self.replicas,
            self._applier.plans,
            config.replication.mode_of,
            self.peers.describe,
            lambda: store.version,
            self._events.describe,
        )
        self._agent = Agent(
            VENDOR,
            PRODUCT,
            site,
            schema=schema,
            source=self.inventory,
            sees=targets.sees(config.access),
            attributes={"site": site, **self._events.attributes()},
            heartbeat_interval=config.heartbeat,
            epoch=int(time.time()),
            schema_updated=time.time_ns(),
            publish_interval=config.publish_interval,
            answer_broker=config.broker is None,
        )
        self._announcer = Announcer(site, self._agent, self._events, self._send)
        self._bus = make_bus(
            config,
            self._agent,
            on_message=self._receive,
            on_up=self._announcer.heartbeat,
            on_missed=self._announcer.missed,
            on_refused=self._refuse,
        )
        self._publisher = Publisher(site, store, self._emit, read_signer(config.replication.signing_key))
        self._subscriber = Subscriber(
            site, self._applier, self.replicas, config.replication.mode_of, lambda: int(time.time()), self._emit
        )
        methods = Methods(
            self.inventory,
            store,
            self._publisher,
            self._applier,
            self._subscriber,
            self.peers,
            self._events,
            redacted,
            self._metadata.learn,
        )
        self._calls = Calls(self._agent, config.access, targets, secrets, methods.run, self._send)
        views = Views(self.inventory, targets.sees(config.access))
        self._manager = Manager(schema, views.of, self._management_nodes, self._calls, self._bus.respond)
        self._bus.manage(self._manager)
        self._teller = Teller(self._agent, ChangedObjects(schema, self.inventory), self._bus.taken, self._send)
        self._watch = CibWatch(
            store,
            snapshot,
            inventory=self.inventory,
            replicas=self.replicas,
            peers=self.peers,
            publisher=self._publisher,
            subscriber=self._subscriber,
            secrets=secrets,
            redacted=redacted,
            learn=self._metadata.want,
            emit=self._emit,
        )
        self.port = 0

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Serve until cancelled; `ready` is set once consoles can connect.

        Raises ConfigError and BusError where the listener can't be opened.
        """
        changes = await self._watch.begin()
        self.port = await self._bus.start()
        self._announcer.heartbeat()
        if ready:
            ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch.run(changes))
                group.create_task(self._announcer.run(self._config.heartbeat))
                group.create_task(self._teller.run())
                group.create_task(self.peers.run())
                group.create_task(self._subscriber.run())
        finally:
            await self._manager.stop()
            await self._calls.stop()
            await self._metadata.stop()
            await self._bus.stop()
            self._events.close()

    def _mangle(self, closure: Closure) -> tuple[Closure, tuple[OverrideUse, ...]]:
        """Put this site's rules into effect, as the site file has them now."""
        return read_site_rules(self._config.replication.site_file).mangle(closure)

    # -- from the other sites

    async def peer_up(self, site: str) -> None:
        """A peer can be reached: learn what it holds, and what it has of ours."""
        self.replicas.found(site)
        for values in await self.peers.query(site, "Ticket"):
            ticket = str(values["name"])
            mode = self._config.replication.mode_of(ticket) if values["granted"] else str(values["mode"])
            self.replicas.set(ticket, site, mode=mode)
            if values["granted"] or self.replicas.get(ticket, site).direction == FROM:
                self._subscriber.wake(ticket, site)
        for values in await self.peers.query(site, "Replica"):
            self.peer_data(site, "Replica", values)

    def peer_down(self, site: str) -> None:
        """A peer can't be reached any more."""
        self.replicas.lost(site)

    def peer_event(self, site: str, name: str, values: Mapping[str, Any]) -> None:
        """A peer raised an event."""
        if name in ("published", "ticket_changed"):
            self._subscriber.wake(str(values["ticket"]), site)

    def peer_data(self, site: str, class_name: str, values: Mapping[str, Any]) -> None:
        """A peer tells of an object: where it stands with what this site publishes."""
        if class_name == "Replica" and values["remote"] == self.site and values["direction"] == FROM:
            ticket = str(values["ticket"])
            if self.inventory.holds(ticket):
                texts = {
                    name: str(values[name]) for name in ("mode", "state", "reason", "message", "published", "applied")
                }
                applied_at = int(values["applied_at"]) // NANOSECONDS
                self.replicas.followed(ticket, site, {**texts, "applied_at": applied_at})

    # -- to the bus

    def _emit(self, name: str, values: Mapping[str, Any]) -> None:
        self._announcer.event(name, values)

    def _replica_changed(self, replica: Replica) -> None:
        self._announcer.changed(lambda: self.inventory.replica(replica))

    def _send(self, message: Message, sequence: int | None = None) -> None:
        if sequence is None and message.method == INDICATION and message.correlation_id is None:
            sequence = self._events.last
        try:
            self._bus.send(message, sequence)
        except QmfAgentError as error:
            _log.info("a message to %s could not be sent: %s", shown(str(message.to)), error)

    # -- from the bus

    def _refuse(self, message: Message, refusal: Refused) -> None:
        for answer in self._agent.refuse(message, refusal):
            self._send(answer)

    def _management_nodes(self) -> list[str]:
        """The addresses of this agent's management node and of its peers'."""
        own = replace(BusUrl.parse(self._config.listen.url), port=self.port)
        return [f"{url}/{MANAGEMENT}" for url in (own, *(peer.url for peer in self._config.peers))]

    def _receive(self, message: Message, identity: Identity) -> None:
        for outcome in self._agent.receive(message, identity.user, time.time_ns()):
            if isinstance(outcome, Message):
                self._send(outcome)
            else:
                self._calls.take(outcome)
        self._teller.wake()


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
    pair = snapshot.configuration.find("crm_config/cluster_property_set/nvpair[@name='cluster-name']")
    name = "" if pair is None else pair.get("value", "")
    if not name:
        raise ConfigError(
            "the cluster has no cluster-name", hint='name the site in the agent\'s configuration: site = "..."'
        )
    if name in [peer.site for peer in config.peers]:
        raise ConfigError(f"this cluster is called {name!r}, and a [[peer]] is too", hint="list the other sites alone")
    return check_site_name(name, "the cluster-name of the cluster")
