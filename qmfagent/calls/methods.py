"""The methods of the agent's objects: from a checked call to what is done and answered.

Rules of this file: a method that writes was allowed before it comes here. Each one returns its out arguments or raises a
QmfAgentError, with nothing half done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from lxml import etree

from qmfagent.calls.permissions import Permissions
from qmfagent.calls.verification import Verification
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import TicketState
from qmfagent.errors import Refused
from qmfagent.objects.event_log import EventLog
from qmfagent.objects.history import History
from qmfagent.objects.inventory import Inventory
from qmfagent.objects.paths import select
from qmfagent.peers.peers import Peers
from qmfagent.policy.redaction import RedactedCib
from qmfagent.qmf.agent import MethodCall
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.plans import Prepared
from qmfagent.replication.applying.writer import Applied
from qmfagent.replication.drill import Drills
from qmfagent.replication.explaining import Explainer
from qmfagent.replication.following.holding import ACTIONS, Holding
from qmfagent.replication.following.subscriber import Subscriber
from qmfagent.replication.ports import AgentsLearner, nothing_to_learn
from qmfagent.replication.publishing.publisher import Publisher

Results = dict[str, Any]

# The warnings of a plan that overwrites what somebody has edited at the other site, which nobody may do without a look at it.
_OVERWRITING = frozenset({"drift", "drifted"})


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
        history: History,
        holding: Holding,
        explainer: Explainer,
        drills: Drills,
        permissions: Permissions,
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
        self._history = history
        self._holding = holding
        self._explainer = explainer
        self._drills = drills
        self._permissions = permissions
        self._verification = Verification(inventory.site, lambda: events.journal, peers)
        self._learn = learn
        self._methods: Mapping[tuple[str, str], Callable[[MethodCall], Awaitable[Results]]] = {
            ("Site", "query"): self._query,
            ("Site", "events"): self._replay,
            ("Site", "claim"): self._claim,
            ("Site", "permissions"): self._permitted,
            ("Site", "history"): self._newest,
            ("Site", "change"): self._change,
            ("Site", "verify_journal"): self._verify_journal,
            ("Site", "publication"): self._publication,
            ("Site", "explain"): self._explain,
            ("Site", "plan"): self._plan,
            ("Site", "plan_rollback"): self._plan_rollback,
            ("Site", "plan_heal"): self._plan_heal,
            ("Site", "drill"): self._drill,
            ("Site", "apply"): self._apply,
            ("Ticket", "grant"): self._ticket,
            ("Ticket", "revoke"): self._ticket,
            ("Ticket", "standby"): self._ticket,
            ("Ticket", "activate"): self._ticket,
            **{("Ticket", action): self._hold for action in ACTIONS},
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

    async def _newest(self, call: MethodCall) -> Results:
        arguments = call.arguments
        return self._history.newest(arguments["ticket"], arguments["limit"], arguments["before"])

    async def _change(self, call: MethodCall) -> Results:
        return await self._history.change(call.arguments["change"])

    async def _verify_journal(self, call: MethodCall) -> Results:
        return await self._verification.run()

    async def _claim(self, call: MethodCall) -> Results:
        ticket = call.arguments["ticket"]
        state = self._inventory.seen().snapshot.tickets.get(ticket, TicketState(ticket))
        return {"granted": state.granted, "term": str(state.term)}

    async def _permitted(self, call: MethodCall) -> Results:
        return self._permissions.of(call.identity)

    async def _publication(self, call: MethodCall) -> Results:
        snapshot = self._inventory.seen().snapshot
        return self._publisher.current(snapshot, call.arguments["ticket"], call.arguments["known"]).to_values()

    async def _explain(self, call: MethodCall) -> Results:
        return {"steps": await self._explainer.explain(call.arguments["id"])}

    async def _plan(self, call: MethodCall) -> Results:
        ticket, adopt = call.arguments["ticket"], call.arguments["adopt"]
        return _planned(*await self._applier.show(ticket, call.identity, adopt=adopt))

    async def _plan_rollback(self, call: MethodCall) -> Results:
        return _planned(*await self._applier.show_rollback(call.arguments["change"], call.identity))

    async def _plan_heal(self, call: MethodCall) -> Results:
        return _planned(*await self._applier.show_heal(call.arguments["ticket"], call.identity))

    async def _drill(self, call: MethodCall) -> Results:
        return {"result": (await self._drills.drill(call.arguments["ticket"], call.identity)).to_map()}

    async def _apply(self, call: MethodCall) -> Results:
        return await self._apply_token(call.arguments["token"], call.identity)

    async def _apply_plan(self, call: MethodCall) -> Results:
        return await self._apply_token(_name(call), call.identity)

    async def _discard(self, call: MethodCall) -> Results:
        self._applier.plans.discard(_name(call), f"it was discarded by {call.identity}")
        return {}

    async def _apply_token(self, token: str, by: str) -> Results:
        applied = await self._applier.apply(token, by)
        self._subscriber.applied(applied)
        return {"ticket": applied.ticket, **_outcome(applied)}

    async def _ticket(self, call: MethodCall) -> Results:
        await self._store.ticket(_name(call), call.method)
        return {}

    async def _hold(self, call: MethodCall) -> Results:
        self._holding.change(_name(call), call.method, call.identity)
        return {}

    async def _replicate_now(self, call: MethodCall) -> Results:
        ticket, _, remote = _name(call).rpartition(":")
        seen = self._inventory.seen()
        if ticket in seen.held:
            return await self._replicate_to(ticket, remote)
        applied = await self._subscriber.replicate(ticket, call.identity)
        return _outcome(applied) if applied else _nothing_done(seen.snapshot.version)

    async def _replicate_to(self, ticket: str, remote: str) -> Results:
        """Plan and apply at the other site, as any console would."""
        site = f"Site:{remote}"
        planned = await self._peers.call(remote, site, "plan", {"ticket": ticket})
        problems = planned["plan"]["problems"]
        errors = [p for p in problems if p["severity"] == "error"]
        if errors:
            raise Refused(errors[0]["code"], f"at {remote}: " + "; ".join(p["message"] for p in errors))
        edited = [p["message"] for p in problems if p["code"] in _OVERWRITING]
        if edited:
            raise Refused("drifted", f"at {remote}: " + "; ".join(edited), hint="plan it there, and apply that plan")
        if not planned["token"]:
            return _nothing_done(planned["plan"]["base"]["version"])
        applied = await self._peers.call(remote, site, "apply", {"token": planned["token"]})
        return {name: applied[name] for name in ("changes", "version", "change")}


def _planned(prepared: Prepared, plan: Mapping[str, Any]) -> Results:
    return {"token": prepared.plan.token, "plan": plan}


def _outcome(applied: Applied) -> Results:
    return {"changes": applied.changes, "version": str(applied.version), "change": applied.change}


def _nothing_done(version: object) -> Results:
    return {"changes": 0, "version": str(version), "change": 0}


def _name(call: MethodCall) -> str:
    """The name of the object, without its class."""
    return call.object_id.object_name.partition(":")[2]
