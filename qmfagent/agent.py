"""The agent: which port is which adapter, and what flows where.

Rules of this file: it composes and passes on; every decision is taken elsewhere. One direction: a change of the CIB becomes
a snapshot, objects, events and publications; a message becomes a call, a decision of policy, a deed and an answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from importlib.resources import files
from typing import Any, Protocol

from qmfagent.bus.identity import Identity
from qmfagent.bus.listener import Listener
from qmfagent.cib.change import CibChange, CibLost
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.config import Config
from qmfagent.errors import ClusterError, ConfigError, Disconnected, QmfAgentError
from qmfagent.happenings import happenings
from qmfagent.inventory import Inventory
from qmfagent.methods import Methods
from qmfagent.peers import PRODUCT, VENDOR, Peers
from qmfagent.policy.access import writes
from qmfagent.qmf import schema as qmf_schema
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.replication.applier import Applier
from qmfagent.replication.publisher import Publisher
from qmfagent.replication.reasons import reason_of
from qmfagent.replication.replica import BLOCKED, FROM, TO, Replica, Replicas
from qmfagent.replication.subscriber import Subscriber
from qmfagent.site_file import read_site_rules

MAX_CALLS = 64

_log = logging.getLogger(__name__)
_audit = logging.getLogger("qmfagent.audit")


class Store(Protocol):
    """A CIB store, with its life cycle: what the adapters in qmfagent.pacemaker are."""

    source: str

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
        self._store = store
        self._first = snapshot
        rules = read_site_rules(config.site_file)
        self.replicas = Replicas(self._replica_changed)
        self.peers = Peers(config.peers, config.tls, self)
        schema = load_schema()
        self.inventory = Inventory(schema, site, store.source, self.replicas, config.ticket_mode, self.peers.describe)
        self._agent = Agent(
            VENDOR,
            PRODUCT,
            site,
            schema=schema,
            source=self.inventory,
            attributes={"site": site},
            heartbeat_interval=config.heartbeat,
            epoch=int(time.time()),
            answer_broker=True,
        )
        self._listener = Listener(
            config.listen,
            tls=config.tls,
            addresses=self._agent.addresses(),
            on_message=self._receive,
            agent=self._agent.name,
        )
        self._publisher = Publisher(site, store, self._emit)
        self._applier = Applier(site, store, self.peers, rules.mangle, self._emit)
        self._subscriber = Subscriber(
            site, self._applier, self.replicas, config.ticket_mode, lambda: int(time.time()), self._emit
        )
        self._methods = Methods(self.inventory, store, self._publisher, self._applier, self._subscriber, self.peers)
        self._calls: set[asyncio.Task[None]] = set()
        self.port = 0

    async def run(self, ready: asyncio.Event | None = None) -> None:
        """Serve until cancelled; `ready` is set once consoles can connect.

        Raises ConfigError and BusError where the listener can't be opened.
        """
        changes = self._store.changes()
        self.inventory.renew(self._first)
        self.port = await self._listener.start()
        self._emit_heartbeat()
        if ready:
            ready.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(changes))
                group.create_task(self._beat())
                group.create_task(self.peers.run())
                group.create_task(self._subscriber.run())
        finally:
            for task in self._calls:
                task.cancel()
            await self._listener.stop()

    # -- from the CIB

    async def _watch(self, changes: AsyncIterator[CibChange | CibLost]) -> None:
        await self._publish(self._first)
        async for change in changes:
            if isinstance(change, CibLost):
                _log.warning("the CIB can't be seen any more: %s", change.reason)
                self.inventory.connected = False
            else:
                try:
                    await self._take(change)
                except Exception:
                    # The next snapshot holds everything that this one did.
                    _log.exception("CIB %s could not be worked through", change.snapshot.version)

    async def _take(self, change: CibChange) -> None:
        before, was_lost = self.inventory.current, not self.inventory.connected
        after = self.inventory.renew(change.snapshot)
        if before is None:
            return
        if was_lost:
            self._subscriber.wake_blocked()
        configuration_changed = False
        for name, values in happenings(before, after, change):
            self._emit(name, values)
            configuration_changed = configuration_changed or name == "config_changed"
            if name == "ticket_changed" and self.peers.sites:
                for site in self.peers.sites:
                    self._subscriber.wake(values["ticket"], site)
        if configuration_changed:
            self.inventory.config_changes += 1
            self._subscriber.wake_blocked()
        if configuration_changed or before.snapshot.tickets != after.snapshot.tickets:
            await self._publish(change.snapshot)

    async def _publish(self, snapshot: Snapshot) -> None:
        for publication in await self._publisher.update(snapshot):
            self.replicas.published(publication.ticket, publication.digest, self.peers.sites)

    # -- from the other sites

    async def peer_up(self, site: str) -> None:
        """A peer can be reached: learn what it holds, and what it has of ours."""
        for values in await self.peers.query(site, "Ticket"):
            ticket = str(values["name"])
            self.replicas.set(ticket, site, mode=self._config.ticket_mode(ticket))
            if values["granted"]:
                self._subscriber.wake(ticket, site)
        for values in await self.peers.query(site, "Replica"):
            if values["remote"] == self.site and values["direction"] == FROM:
                self._followed(site, values)

    def peer_down(self, site: str) -> None:
        """A peer can't be reached any more."""
        self.replicas.lost(site)

    def peer_event(self, site: str, name: str, values: Mapping[str, Any]) -> None:
        """A peer raised an event."""
        ticket = str(values.get("ticket", ""))
        if name in ("published", "ticket_changed"):
            self._subscriber.wake(ticket, site)
        elif values.get("publisher") == self.site:
            if name in ("applied", "in_sync"):
                self.replicas.followed(ticket, site, str(values["digest"]), int(time.time()))
            elif name == "apply_failed":
                reason, message = str(values["reason"]), str(values["message"])
                self.replicas.set(ticket, site, direction=TO, state=BLOCKED, reason=reason, message=message)

    def _followed(self, site: str, values: Mapping[str, Any]) -> None:
        """Take over what a peer's own Replica object says of a ticket that it has from this site."""
        ticket = str(values["ticket"])
        if self._publisher.published(ticket) is None:
            return
        if values["state"] == BLOCKED:
            reason, message = str(values["reason"]), str(values["message"])
            self.replicas.set(ticket, site, direction=TO, state=BLOCKED, reason=reason, message=message)
        else:
            self.replicas.followed(ticket, site, str(values["applied"]), int(values["applied_at"]) // 1_000_000_000)

    # -- to the bus

    def _emit(self, name: str, values: Mapping[str, Any]) -> None:
        self._listener.send(self._agent.event(name, values, time.time_ns()))

    def _replica_changed(self, replica: Replica) -> None:
        for message in self._agent.data_indication([self.inventory.replica(replica)]):
            self._listener.send(message)

    def _emit_heartbeat(self) -> None:
        self._listener.send(self._agent.heartbeat(time.time_ns()))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._config.heartbeat)
            self._emit_heartbeat()

    # -- from the bus

    def _receive(self, message: Message, identity: Identity) -> None:
        for outcome in self._agent.receive(message, identity.user, time.time_ns()):
            if isinstance(outcome, Message):
                self._listener.send(outcome)
            elif len(self._calls) >= MAX_CALLS:
                busy = f"{len(self._calls)} calls are under way already; try again later"
                self._listener.send(self._agent.fail(outcome, ErrorCode.EXCEPTION, busy, "busy"))
            else:
                task = asyncio.get_running_loop().create_task(self._call(outcome))
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)

    async def _call(self, call: MethodCall) -> None:
        result = "done"
        try:
            self._config.access.check(call.identity, call.class_name, call.method)
            answer = self._agent.succeed(call, await self._methods.run(call))
        except QmfAgentError as error:
            result = reason_of(error)
            code = ErrorCode.FORBIDDEN if result == "forbidden" else ErrorCode.EXCEPTION
            answer = self._agent.fail(call, code, str(error), result)
        except Exception:
            _log.exception("%s.%s failed", call.object_id.object_name, call.method)
            result = "internal"
            answer = self._agent.fail(call, ErrorCode.EXCEPTION, "an internal error, see the agent's log", result)
        if writes(call.class_name, call.method):
            _audit.info(
                json.dumps(
                    {
                        "who": call.identity,
                        "what": f"{call.class_name}.{call.method}",
                        "on": call.object_id.object_name,
                        "result": result,
                    }
                )
            )
        self._send_answer(answer)

    def _send_answer(self, answer: Message) -> None:
        try:
            self._listener.send(answer)
        except QmfAgentError as error:
            _log.info("an answer to %s could not be sent: %s", answer.to, error)


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
    """The site's name: as configured, else the cluster's own. Raises ConfigError where there is neither."""
    if config.site:
        return config.site
    pair = snapshot.configuration.find("crm_config/cluster_property_set/nvpair[@name='cluster-name']")
    name = "" if pair is None else pair.get("value", "")
    if not name:
        raise ConfigError(
            "the cluster has no cluster-name", hint='name the site in the agent\'s configuration: site = "..."'
        )
    return name
