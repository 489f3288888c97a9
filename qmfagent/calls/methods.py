"""The methods of the agent's objects: from a checked call to what is done and answered.

Rules of this file: a method that writes was allowed before it comes here. Each one returns its out arguments or raises a
QmfAgentError, with nothing half done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from lxml import etree

from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Refused
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.paths import select
from qmfagent.peers.peers import Peers
from qmfagent.policy.redaction import RedactedCib
from qmfagent.qmf.agent import MethodCall
from qmfagent.replication.applier import Applier
from qmfagent.replication.ports import AgentsLearner, nothing_to_learn
from qmfagent.replication.publisher import Publisher
from qmfagent.replication.subscriber import Subscriber

Results = dict[str, Any]

# What a plan does not tell of its publication.
_UNTOLD = frozenset({"xml", "signature"})


class SiteStore(Protocol):
    """What is asked for the CIB, and what tickets are changed in."""

    async def snapshot(self) -> Snapshot:
        """The newest good snapshot. Raises Disconnected."""

    async def ticket(self, name: str, action: Any) -> None:
        """Grant, revoke, standby or activate a ticket. Raises ClusterError."""


class Methods:
    """Carries out method calls at one site."""

    def __init__(
        self,
        inventory: Inventory,
        store: SiteStore,
        publisher: Publisher,
        applier: Applier,
        subscriber: Subscriber,
        peers: Peers,
        events: EventLog,
        redacted: RedactedCib,
        learn: AgentsLearner = nothing_to_learn,
    ) -> None:
        """`redacted` is the CIB as it is shown, `learn` has what is known of agents completed before that."""
        self._inventory = inventory
        self._store = store
        self._publisher = publisher
        self._applier = applier
        self._subscriber = subscriber
        self._peers = peers
        self._events = events
        self._redacted = redacted
        self._learn = learn
        self._methods: Mapping[tuple[str, str], Callable[[MethodCall], Awaitable[Results]]] = {
            ("Site", "query"): self._query,
            ("Site", "events"): self._replay,
            ("Site", "publication"): self._publication,
            ("Site", "plan"): self._plan,
            ("Site", "apply"): self._apply,
            ("Ticket", "grant"): self._ticket,
            ("Ticket", "revoke"): self._ticket,
            ("Ticket", "standby"): self._ticket,
            ("Ticket", "activate"): self._ticket,
            ("Replica", "replicate_now"): self._replicate_now,
            ("Plan", "apply"): self._apply_plan,
            ("Plan", "discard"): self._discard,
        }

    async def run(self, call: MethodCall) -> Results:
        """Carry out one call; its out arguments. Raises QmfAgentError."""
        return await self._methods[call.class_name, call.method](call)

    async def _query(self, call: MethodCall) -> Results:
        snapshot, path = await self._store.snapshot(), call.arguments["path"]
        await self._learn(self._redacted.agents(snapshot))
        elements = select(self._redacted.of(snapshot), path if path.strip("/") else "configuration")
        xml = "\n".join(etree.tostring(element, encoding="unicode", with_tail=False) for element in elements)
        return {"xml": xml, "version": str(snapshot.version)}

    async def _replay(self, call: MethodCall) -> Results:
        return self._events.replay(call.arguments["since"], call.arguments["limit"])

    async def _publication(self, call: MethodCall) -> Results:
        snapshot = self._inventory.seen().snapshot
        return self._publisher.current(snapshot, call.arguments["ticket"]).to_values()

    async def _plan(self, call: MethodCall) -> Results:
        prepared, plan = await self._applier.show(call.arguments["ticket"], adopt=call.arguments["adopt"])
        publication = {key: value for key, value in prepared.publication.to_values().items() if key not in _UNTOLD}
        return {"token": prepared.plan.token, "plan": {**plan, "publication": publication}}

    async def _apply(self, call: MethodCall) -> Results:
        return await self._apply_token(call.arguments["token"], call.identity)

    async def _apply_plan(self, call: MethodCall) -> Results:
        return await self._apply_token(_name(call), call.identity)

    async def _discard(self, call: MethodCall) -> Results:
        self._applier.plans.discard(_name(call))
        return {}

    async def _apply_token(self, token: str, by: str) -> Results:
        applied = await self._applier.apply(token, by)
        self._subscriber.applied(applied)
        return {"ticket": applied.ticket, "changes": applied.changes, "version": str(applied.version)}

    async def _ticket(self, call: MethodCall) -> Results:
        await self._store.ticket(_name(call), call.method)
        return {}

    async def _replicate_now(self, call: MethodCall) -> Results:
        ticket, _, remote = _name(call).rpartition(":")
        seen = self._inventory.seen()
        if ticket in seen.held:
            return await self._replicate_to(ticket, remote)
        applied = await self._subscriber.replicate(ticket, call.identity)
        version = applied.version if applied else seen.snapshot.version
        return {"changes": applied.changes if applied else 0, "version": str(version)}

    async def _replicate_to(self, ticket: str, remote: str) -> Results:
        """Plan and apply at the other site, as any console would."""
        site = f"Site:{remote}"
        planned = await self._peers.call(remote, site, "plan", {"ticket": ticket})
        errors = [p for p in planned["plan"]["problems"] if p["severity"] == "error"]
        if errors:
            raise Refused(errors[0]["code"], f"at {remote}: " + "; ".join(p["message"] for p in errors))
        if not planned["token"]:
            return {"changes": 0, "version": planned["plan"]["base"]["version"]}
        applied = await self._peers.call(remote, site, "apply", {"token": planned["token"]})
        return {"changes": applied["changes"], "version": applied["version"]}


def _name(call: MethodCall) -> str:
    """The name of the object, without its class."""
    return call.object_id.object_name.partition(":")[2]
