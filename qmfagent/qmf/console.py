"""The console's half of QMF v2: builds requests; answers, agents and indications come out as events.

Rules of this file:
- Every request has a correlation id of its own and ends in exactly one of QueryAnswer, MethodAnswer, Subscribed and
  RequestFailed, unless the caller forgets it (on a timeout). Whatever comes for a request that has ended is ignored.
- An answer counts only if it comes from the agent that was asked.
- `receive` raises nothing for any message; what breaks the protocol comes out as MessageRejected or RequestFailed.
- A subscription that was confirmed ends in exactly one SubscriptionEnded, unless the caller cancels it.
- What peers can make this console remember is bounded: agents, and items of one answer.
- No clock is read: `now` is seconds of any clock that never goes back, the same for all calls.
Source: qpid-cpp src/qmf/ConsoleSession.cpp, src/qmf/Agent.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from qmfagent.errors import ProtocolError
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import EVENT, SchemaId
from qmfagent.qmf.console_agents import ConsoleAgents
from qmfagent.qmf.console_answers import TERMINAL, Outcome, Pending, read_answer, read_failure
from qmfagent.qmf.console_events import (
    AgentInfo,
    AgentLost,
    AgentRestarted,
    ConsoleEvent,
    DataReceived,
    EventReceived,
    MessageRejected,
    RequestFailed,
    Subscribed,
    SubscriptionData,
)
from qmfagent.qmf.console_subscriptions import ConsoleSubscriptions
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.message import INDICATION, REQUEST, TOPIC, Address, Message
from qmfagent.qmf.opcodes import ErrorCode


class Console:
    """One QMF v2 console, sans-I/O."""

    def __init__(
        self, console_id: UUID | None = None, *, data_classes: Iterable[str] = (), event_classes: Iterable[str] = ()
    ) -> None:
        """Make a console; `console_id` is part of the address that answers come to, by default a random one.

        `data_classes` names the classes whose changed objects agents may tell it of unasked (DataReceived), `event_classes`
        those of the events that it wants to hear of; without any it hears of all.
        """
        self.reply_to = Address(TOPIC, f"direct-console.{console_id or uuid4()}")
        self._agents = ConsoleAgents()
        self._data_addresses = tuple(Address(TOPIC, opcodes.data_pattern(name)) for name in data_classes)
        events = tuple(map(opcodes.event_pattern, event_classes)) or (opcodes.EVENTS,)
        self.event_addresses = tuple(Address(TOPIC, pattern) for pattern in events)
        self._pending: dict[str, Pending] = {}
        self._subscriptions = ConsoleSubscriptions()
        self._cids = count(1)
        self._events_seen = 0

    def addresses(self) -> list[Address]:
        """What this console receives from: its answers, and what agents tell everybody."""
        return [self.reply_to, Address(TOPIC, opcodes.HEARTBEATS), *self.event_addresses, *self._data_addresses]

    @property
    def agents(self) -> Mapping[str, AgentInfo]:
        """The agents known now, by name."""
        return self._agents.by_name

    def forget(self, cid: str) -> None:
        """Stop waiting for the answer to a request; nothing happens if it has already ended."""
        self._pending.pop(cid, None)

    # -- requests

    def locate(self, predicate: list[Any] | None = None) -> Message:
        """Ask all agents, or those whose attributes the predicate holds for, to announce themselves."""
        return Message(
            to=Address(TOPIC, opcodes.LOCATE_SUBJECT),
            opcode=opcodes.AGENT_LOCATE_REQUEST,
            method=REQUEST,
            body=predicate or [],
            correlation_id="agent-locate",
            reply_to=self.reply_to,
        )

    def query_objects(
        self,
        agent: str,
        class_name: str | None = None,
        object_name: str | None = None,
        where: list[Any] | None = None,
        *,
        package: str = "",
    ) -> tuple[str, Message]:
        """Ask for the objects of a class (of any package where that is empty), or for one object by its name.

        Returns the correlation id and the message, as all requests do. The answer has Data items. Raises
        ProtocolError where neither class nor object is given, because agents refuse that.
        """
        query = _object_query("OBJECT", agent, class_name, object_name, where, package)
        return self._request(agent, opcodes.QUERY_REQUEST, opcodes.QUERY_RESPONSE, query)

    def query_object_ids(
        self, agent: str, class_name: str, where: list[Any] | None = None, *, package: str = ""
    ) -> tuple[str, Message]:
        """Ask for the ids of the objects of a class. The answer has ObjectId items, from libqmf2 whole Data items."""
        query = _object_query("OBJECT_ID", agent, class_name, None, where, package)
        return self._request(agent, opcodes.QUERY_REQUEST, opcodes.QUERY_RESPONSE, query)

    def query_schema_ids(self, agent: str) -> tuple[str, Message]:
        """Ask for the ids of all classes of an agent. The answer has SchemaId items."""
        return self._request(agent, opcodes.QUERY_REQUEST, opcodes.QUERY_RESPONSE, {"_what": "SCHEMA_ID"})

    def query_schema(self, agent: str, schema_id: SchemaId) -> tuple[str, Message]:
        """Ask for one class. The answer has one SchemaClass item, or none where the agent does not know it."""
        query = {"_what": "SCHEMA", "_schema_id": schema_id.to_map()}
        return self._request(agent, opcodes.QUERY_REQUEST, opcodes.QUERY_RESPONSE, query)

    def call(
        self, agent: str, object_id: str | ObjectId, method: str, arguments: Mapping[str, Any]
    ) -> tuple[str, Message]:
        """Call a method of an object, named by its name or by an id that the agent gave (which is echoed whole)."""
        target = ObjectId(object_id, agent) if isinstance(object_id, str) else object_id
        body = {"_object_id": target.to_map(), "_method_name": method, "_arguments": dict(arguments)}
        return self._request(agent, opcodes.METHOD_REQUEST, opcodes.METHOD_RESPONSE, body)

    # -- subscriptions

    def subscribe(
        self,
        agent: str,
        class_name: str | None = None,
        object_name: str | None = None,
        where: list[Any] | None = None,
        *,
        package: str = "",
        interval: float = 0.0,
        lifetime: int = 0,
    ) -> tuple[str, Message]:
        """Ask to be told of objects, now and once in `interval` seconds of what has changed, for `lifetime` seconds.

        The objects are chosen as by query_objects; 0 leaves a time to the agent, and it may choose another anyway. The
        answer is Subscribed; the correlation id names the subscription from then on. Raises ProtocolError.
        """
        query = _object_query("OBJECT", agent, class_name, object_name, where, package)
        body = {"_query": query, "_interval": round(interval * 1000), "_duration": lifetime}
        return self._request(agent, opcodes.SUBSCRIBE_REQUEST, opcodes.SUBSCRIBE_RESPONSE, body)

    def refresh(self, subscription: str, lifetime: int = 0) -> tuple[str, Message]:
        """Let a subscription live on, for `lifetime` seconds from now, or for as long as before.

        The answer is Subscribed; where it is RequestFailed, the subscription ends. Raises UnknownObject where it has ended.
        """
        agent, identifier = self._subscriptions.find(subscription)
        body = {"_subscription_id": identifier, "_duration": lifetime}
        return self._request(
            agent, opcodes.SUBSCRIBE_REFRESH_INDICATION, opcodes.SUBSCRIBE_RESPONSE, body, subscription
        )

    def cancel(self, subscription: str) -> Message:
        """End a subscription, without an answer. Raises UnknownObject where it has ended already."""
        agent, identifier = self._subscriptions.find(subscription)
        self._subscriptions.end(subscription, "cancelled")
        body = {"_subscription_id": identifier}
        return Message(self._agents.address(agent), opcodes.SUBSCRIBE_CANCEL_INDICATION, INDICATION, body)

    def _request(
        self, agent: str, opcode: str, answer: str, body: dict[str, Any], subscription: str = ""
    ) -> tuple[str, Message]:
        cid = str(next(self._cids))
        self._pending[cid] = Pending(agent, answer, subscription or cid)
        return cid, Message(
            self._agents.address(agent), opcode, REQUEST, body, correlation_id=cid, reply_to=self.reply_to
        )

    # -- what comes in

    def receive(self, message: Message, now: float) -> list[ConsoleEvent]:
        """Take one message from the bus; give what it means, in order."""
        if not message.agent:
            return []
        self._agents.heard(message.agent, now)
        if message.opcode in TERMINAL:
            return self._answer(message, now)
        try:
            if message.opcode in (opcodes.AGENT_HEARTBEAT_INDICATION, opcodes.AGENT_LOCATE_RESPONSE):
                return self._announced(message, now)
            if message.opcode == opcodes.DATA_INDICATION:
                return self._indicated(message)
        except ProtocolError as error:
            return [MessageRejected(message.agent, str(error))]
        return []

    def age(self, now: float) -> list[ConsoleEvent]:
        """Drop the agents that have been silent for too long, and the subscriptions that were not refreshed in time."""
        lost = self._agents.take_silent(now)
        ended = [event for agent in lost for event in self._subscriptions.end_all(agent.name, "its agent is silent")]
        return [*ended, *self._subscriptions.expire(now), *(AgentLost(agent) for agent in lost)]

    def _announced(self, message: Message, now: float) -> list[ConsoleEvent]:
        event = self._agents.announced(message, now)
        if isinstance(event, AgentRestarted):
            return [*self._subscriptions.end_all(message.agent, "its agent has restarted"), event]
        return [] if event is None else [event]

    def _indicated(self, message: Message) -> list[ConsoleEvent]:
        items = [expect(item, dict, "item of an indication") for item in expect(message.body, list, "indication")]
        if message.content == opcodes.CONTENT_DATA:
            return self._data(message, tuple(Data.from_map(item) for item in items))
        if message.content == opcodes.CONTENT_EVENT:
            return [self._event(message, item) for item in items]
        raise ProtocolError(f"indication with content {shown(message.content)}")

    def _data(self, message: Message, objects: tuple[Data, ...]) -> list[ConsoleEvent]:
        cid = message.correlation_id
        if cid is None:
            return [DataReceived(message.agent, objects)]
        # The Java agent may publish before it has answered.
        pending = self._pending.get(cid)
        begun = pending and pending.answer == opcodes.SUBSCRIBE_RESPONSE and pending.agent == message.agent
        if begun or self._subscriptions.is_of(cid, message.agent):
            return [SubscriptionData(cid, message.agent, objects)]
        return []

    def _event(self, message: Message, item: Mapping[str, Any]) -> ConsoleEvent:
        where = "event"
        schema_id = SchemaId.from_map(required(item, "_schema_id", dict, where))
        if schema_id.kind != EVENT:
            raise ProtocolError(f"{where}: {shown(schema_id.name)} is a class of objects")
        values = required(item, "_values", dict, where)
        severity = optional(item, "_severity", int, where, 0)
        timestamp = optional(item, "_timestamp", int, where, 0)
        self._events_seen += 1
        return EventReceived(
            message.agent, schema_id.name, values, severity, timestamp, self._events_seen, message.traceparent
        )

    def _answer(self, message: Message, now: float) -> list[ConsoleEvent]:
        cid = message.correlation_id
        pending = self._pending.get(cid) if cid is not None else None
        if cid is not None and pending is None and message.opcode == opcodes.EXCEPTION:
            return self._broken(cid, message)
        if cid is None or pending is None or pending.agent != message.agent:
            return []
        try:
            outcome: Outcome | None = read_answer(cid, pending, message)
        except ProtocolError as error:
            outcome = RequestFailed(cid, ErrorCode.EXCEPTION, f"agent {message.agent} sent no valid answer: {error}")
        if outcome is None:
            return []
        del self._pending[cid]
        if isinstance(outcome, RequestFailed):
            return [outcome, *self._subscriptions.end(pending.subscription, outcome.text)]
        if isinstance(outcome, Subscribed):
            self._subscriptions.confirm(outcome, message.agent, now)
        return [outcome]

    def _broken(self, subscription: str, message: Message) -> list[ConsoleEvent]:
        """An agent tells why it gives up a subscription."""
        if not self._subscriptions.is_of(subscription, message.agent):
            return []
        try:
            reason = read_failure(subscription, message).text
        except ProtocolError as error:
            reason = str(error)
        return [*self._subscriptions.end(subscription, reason)]


def _object_query(
    what: str, agent: str, class_name: str | None, object_name: str | None, where: list[Any] | None, package: str
) -> dict[str, Any]:
    query: dict[str, Any] = {"_what": what}
    if object_name is not None:
        query["_object_id"] = ObjectId(object_name, agent).to_map()
    elif class_name is not None:
        query["_schema_id"] = SchemaId(package, class_name).to_map()
    else:
        raise ProtocolError("a query of objects names neither a class nor an object")
    return {**query, "_where": where} if where else query
