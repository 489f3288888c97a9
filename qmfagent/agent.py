"""The agent: which port is which adapter, and what flows where.

Rules of this file: it composes and passes on; every decision is taken elsewhere. One direction: a change of the CIB becomes
a snapshot, objects, events and publications; a message becomes a call, a decision of policy, a deed and an answer.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any

from qmfagent import __version__
from qmfagent.agent_bus import make_bus
from qmfagent.announcer import Announcer
from qmfagent.bus.security.identity import Identity
from qmfagent.bus.url import BusUrl
from qmfagent.calls.calls import Calls
from qmfagent.calls.manager import Manager
from qmfagent.calls.methods import Methods
from qmfagent.calls.permissions import Permissions
from qmfagent.calls.targets import Targets
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib_watch import CibWatch
from qmfagent.config import Config
from qmfagent.errors import QmfAgentError, Refused
from qmfagent.journal.entry import State
from qmfagent.journal.store import Journal
from qmfagent.keys.signing import read_journal_signer, read_signer, read_verifier
from qmfagent.management.message import NODE as MANAGEMENT
from qmfagent.objects.changed import ChangedObjects
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.history import History
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.ledger import SiteLedger, told_anew
from qmfagent.objects.snapshot import NANOSECONDS
from qmfagent.pacemaker.metadata import AgentMetadata, NoMetadata
from qmfagent.pacemaker.simulation import CrmSimulate
from qmfagent.pacemaker.validation import PacemakerChecks
from qmfagent.peers.link import PRODUCT, VENDOR
from qmfagent.peers.peers import Peers
from qmfagent.policy.redaction import RedactedCib
from qmfagent.policy.secrets import Secrets
from qmfagent.qmf import schema as qmf_schema
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.fields import shown
from qmfagent.qmf.message import INDICATION, Message
from qmfagent.qmf.views import Views
from qmfagent.replication.applying.acceptance import Acceptance
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.drill import Drills
from qmfagent.replication.explaining import Explainer
from qmfagent.replication.following.drift_watch import DriftWatch
from qmfagent.replication.following.healer import Healer
from qmfagent.replication.following.holding import Holding
from qmfagent.replication.following.replica import FROM, Replica, Replicas
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.publishing.publisher import Publisher
from qmfagent.site_file import SiteMangler
from qmfagent.site_store import Store
from qmfagent.telemetry.monitor import make_monitor
from qmfagent.telemetry.reader import Reader
from qmfagent.telemetry.traces import make_traces
from qmfagent.teller import Teller
from qmfagent.trace import use

_log = logging.getLogger(__name__)


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
        self._mangler = SiteMangler(config.replication.site_file, config.replication.xslt)
        self._mangler.rules()
        self.replicas = Replicas(self._replica_changed)
        self.peers = Peers(config.peers, config.tls, self, site=site, broker=config.broker)
        self._metadata = AgentMetadata() if config.cib_file is None else NoMetadata()
        secrets = Secrets(config.secret_names, self._metadata.private_parameters)
        redacted = RedactedCib(secrets)
        acceptance = Acceptance(read_verifier(config.peers), config.replication.agents, secrets)
        schema = load_schema()
        signer = read_journal_signer(config.replication.signing_key)
        journal = Journal(config.journal.file, config.journal.retention, signer=signer, retell=told_anew)
        self._events = EventLog(schema, journal)
        self._ledger = SiteLedger(lambda: self._events.journal, self._record)
        self._monitor = make_monitor(config.http, config.access, site)
        self._traces = make_traces(config.traces, site)
        self._checks = PacemakerChecks(self._metadata)
        simulate = CrmSimulate()
        self._applier = Applier(
            site,
            store,
            self.peers,
            self._mangler,
            self._ledger,
            acceptance,
            self._metadata.learn,
            self._checks,
            simulate,
            lambda ticket: self._drift.wake(ticket),
            self._monitor.measure,
        )
        self._drills = Drills(site, store, simulate, self.replicas, self._ledger, self._metadata.missing)
        targets = Targets(site, self._applier.ticket_of)
        self.inventory = Inventory(
            schema,
            site,
            store.source,
            self.replicas,
            self._applier.plans,
            self._describe,
            self.peers.describe,
            lambda: store.version,
            self._events.describe,
            store.booth,
        )
        self._agent = Agent(
            VENDOR,
            PRODUCT,
            site,
            schema=schema,
            source=self.inventory,
            sees=targets.sees(config.access),
            attributes={"site": site, "version": __version__, **self._events.attributes()},
            heartbeat_interval=config.heartbeat,
            epoch=int(time.time()),
            schema_updated=time.time_ns(),
            publish_interval=config.publish_interval,
            answer_broker=config.broker is None,
        )
        self._announcer = Announcer(site, self._agent, self._events, self._send, self._monitor.event)
        self._bus = make_bus(
            config,
            self._agent,
            on_message=self._receive,
            on_up=self._announcer.heartbeat,
            on_missed=self._announcer.missed,
            on_refused=self._refuse,
        )
        self._publisher = Publisher(site, store, self._emit, read_signer(config.replication.signing_key))
        self._subscriber = Subscriber(self._applier, self.replicas, config.replication.policy_of, time.time)
        self._healer = Healer(self._applier, config.replication.policy_of, time.time)
        self._drift = DriftWatch(
            site, store.client, store, self._applier, self._ledger, self.replicas, secrets, self._healer.wake
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
            History(self._ledger, secrets, self._metadata.learn),
            Holding(self._applier, self._ledger, self._hold_changed),
            Explainer(site, store, self.peers, self._mangler.stages, self._applier, self._ledger, acceptance),
            self._drills,
            Permissions(config.access, targets, schema, self.inventory.tickets, lambda: self.peers.sites),
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
            drift=self._drift,
            secrets=secrets,
            redacted=redacted,
            learn=self._metadata.want,
            asking=self._mangler.asking,
            emit=self._emit,
        )
        self._reader = Reader(
            inventory=self.inventory,
            version=lambda: store.version,
            replicas=self.replicas,
            standing=self._applier.standing,
            drilled=self._drills.last,
            peers=self.peers.describe,
            bus=self._bus,
            journal=lambda: self._events.journal,
            lasting=config.journal.file is not None,
            ledger=self._ledger,
            now_ns=time.time_ns,
        )
        self.port = 0
        self.http_port = 0

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Serve until cancelled; `ready` is set once consoles can connect.

        Raises ConfigError and BusError where the listener, or that of HTTP, can't be opened.
        """
        if self._traces is None:
            await self._serve(ready)
            return
        use(self._traces.start())
        try:
            await self._serve(ready)
        finally:
            await self._traces.stop()

    async def _serve(self, ready: asyncio.Event | None) -> None:
        changes = await self._watch.begin()
        if self.inventory.connected:
            await self._applier.recover(self.inventory.seen().snapshot)
        self.port = await self._bus.start()
        try:
            self.http_port = await self._monitor.start(self._reader.read, self._reader.problem)
            self._announcer.heartbeat()
            if ready:
                ready.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch.run(changes))
                group.create_task(self._announcer.run(self._config.heartbeat))
                group.create_task(self._teller.run())
                group.create_task(self.peers.run())
                group.create_task(self._subscriber.run())
                group.create_task(self._drift.run())
                group.create_task(self._healer.run())
                group.create_task(self._drills.run(self._config.drills))
        finally:
            await self._monitor.stop()
            await self._manager.stop()
            await self._calls.stop()
            await self._checks.stop()
            await self._metadata.stop()
            await self._bus.stop()
            self._events.close()

    def _describe(self, ticket: str) -> dict[str, Any]:
        """How a ticket is followed here, and what its last drill found, as its object tells it."""
        drilled = self._drills.last(ticket)
        return {
            **self._subscriber.runs.describe(ticket),
            "drilled_at": drilled.at * NANOSECONDS,
            "drill_failures": drilled.failures,
        }

    def _hold_changed(self, ticket: str) -> None:
        """What holds a ticket here has changed: what waited for that may go on."""
        self._subscriber.wake(ticket)
        self._healer.wake(ticket)

    # -- from the other sites

    async def peer_up(self, site: str) -> None:
        """A peer can be reached: learn what it holds, and what it has of ours."""
        self.replicas.found(site)
        for values in await self.peers.query(site, "Ticket"):
            ticket = str(values["name"])
            mode = self._config.replication.policy_of(ticket).mode if values["granted"] else str(values["mode"])
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
                    name: str(values[name])
                    for name in ("mode", "state", "hold", "reason", "message", "published", "applied")
                }
                applied_at = int(values["applied_at"]) // NANOSECONDS
                self.replicas.followed(ticket, site, {**texts, "applied_at": applied_at, "drift": int(values["drift"])})

    # -- to the bus

    def _emit(self, name: str, values: Mapping[str, Any]) -> None:
        self._announcer.event(name, values)

    def _record(
        self, name: str, values: Mapping[str, Any], *, documents: Iterable[bytes] = (), state: State | None = None
    ) -> int:
        return self._announcer.record(name, values, documents=documents, state=state)

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
