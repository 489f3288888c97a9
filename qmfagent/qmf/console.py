"""The console's half of QMF v2: builds requests; answers, agents and indications come out as events.

Rules of this file:
- Every request has a correlation id of its own and ends in exactly one of QueryAnswer, MethodAnswer and RequestFailed,
  unless the caller forgets it (on a timeout). Whatever comes for a request that has ended is ignored.
- An answer counts only if it comes from the agent that was asked.
- `receive` raises nothing for any message; what breaks the protocol comes out as MessageRejected or RequestFailed.
- What peers can make this console remember is bounded: agents, and items of one answer.
- No clock is read: `now` is seconds of any clock that never goes back, the same for all calls.
Source: qpid-cpp src/qmf/ConsoleSession.cpp, src/qmf/Agent.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from qmfagent.errors import ProtocolError
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import EVENT, SchemaClass, SchemaId
from qmfagent.qmf.console_events import (
    AgentAdded,
    AgentInfo,
    AgentLost,
    AgentRestarted,
    AgentUpdated,
    ConsoleEvent,
    DataReceived,
    EventReceived,
    MessageRejected,
    MethodAnswer,
    QueryAnswer,
    RequestFailed,
)
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.message import DIRECT, REQUEST, TOPIC, Address, Message
from qmfagent.qmf.opcodes import ErrorCode

MAX_AGENTS = 1000
MAX_ITEMS = 1_000_000
MISSED_HEARTBEATS = 3
MAX_AGENT_AGE = 300.0
"""Seconds of silence after which an agent is lost, whatever its heartbeat interval; as long as libqmf2 waits."""

_Item = Data | ObjectId | SchemaId | SchemaClass

_READERS: dict[str, Callable[[Mapping[str, Any]], _Item]] = {
    opcodes.CONTENT_DATA: Data.from_map,
    opcodes.CONTENT_OBJECT_ID: ObjectId.from_map,
    opcodes.CONTENT_SCHEMA_ID: SchemaId.from_map,
    opcodes.CONTENT_SCHEMA: SchemaClass.from_map,
}


@dataclass(slots=True)
class _Pending:
    """A request without terminal answer yet, and the items of the answer so far."""

    agent: str
    answer: str
    items: list[_Item] = field(default_factory=list)


class Console:
    """One QMF v2 console, sans-I/O."""

    def __init__(self, console_id: UUID | None = None) -> None:
        """Make a console; `console_id` is part of the address that answers come to, by default a random one."""
        self.reply_to = Address(TOPIC, f"direct-console.{console_id or uuid4()}")
        self._agents: dict[str, AgentInfo] = {}
        self._pending: dict[str, _Pending] = {}
        self._cids = count(1)
        self._events_seen = 0

    def addresses(self) -> list[Address]:
        """What this console receives from: its answers, and what agents tell everybody."""
        return [self.reply_to, Address(TOPIC, "agent.#")]

    @property
    def agents(self) -> Mapping[str, AgentInfo]:
        """The agents known now, by name."""
        return self._agents

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
        query: dict[str, Any] = {"_what": "OBJECT"}
        if object_name is not None:
            query["_object_id"] = ObjectId(object_name, agent).to_map()
        elif class_name is not None:
            query["_schema_id"] = SchemaId(package, class_name).to_map()
        else:
            raise ProtocolError("a query of objects names neither a class nor an object")
        if where:
            query["_where"] = where
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

    def _request(self, agent: str, opcode: str, answer: str, body: dict[str, Any]) -> tuple[str, Message]:
        known = self._agents.get(agent)
        cid = str(next(self._cids))
        self._pending[cid] = _Pending(agent, answer)
        to = known.address if known else Address(DIRECT, agent)
        return cid, Message(to, opcode, REQUEST, body, correlation_id=cid, reply_to=self.reply_to)

    # -- what comes in

    def receive(self, message: Message, now: float) -> list[ConsoleEvent]:
        """Take one message from the bus; give what it means, in order."""
        if not message.agent:
            return []
        known = self._agents.get(message.agent)
        if known:
            self._agents[message.agent] = replace(known, last_seen=now)
        if message.opcode in (opcodes.QUERY_RESPONSE, opcodes.METHOD_RESPONSE, opcodes.EXCEPTION):
            return self._answer(message)
        try:
            if message.opcode in (opcodes.AGENT_HEARTBEAT_INDICATION, opcodes.AGENT_LOCATE_RESPONSE):
                return self._announced(message, now)
            if message.opcode == opcodes.DATA_INDICATION:
                return self._indicated(message)
        except ProtocolError as error:
            return [MessageRejected(message.agent, str(error))]
        return []

    def age(self, now: float) -> list[ConsoleEvent]:
        """Drop the agents that have been silent for too long: three of their heartbeats, at most MAX_AGENT_AGE."""
        lost = [agent for agent in self._agents.values() if now - agent.last_seen > _patience(agent)]
        for agent in lost:
            del self._agents[agent.name]
        return [AgentLost(agent) for agent in lost]

    def _announced(self, message: Message, now: float) -> list[ConsoleEvent]:
        agent = AgentInfo.from_body(expect(message.body, dict, "agent announcement"), message.agent, now)
        before = self._agents.get(agent.name)
        if before is None and len(self._agents) >= MAX_AGENTS:
            raise ProtocolError(f"agent {shown(agent.name)} is one more than the {MAX_AGENTS} that are remembered")
        self._agents[agent.name] = agent
        if before is None:
            return [AgentAdded(agent)]
        if before.epoch != agent.epoch:
            return [AgentRestarted(agent)]
        return [] if _lasting(before.attributes) == _lasting(agent.attributes) else [AgentUpdated(agent)]

    def _indicated(self, message: Message) -> list[ConsoleEvent]:
        items = [expect(item, dict, "item of an indication") for item in expect(message.body, list, "indication")]
        if message.content == opcodes.CONTENT_DATA:
            return [DataReceived(message.agent, tuple(Data.from_map(item) for item in items))]
        if message.content == opcodes.CONTENT_EVENT:
            return [self._event(message.agent, item) for item in items]
        raise ProtocolError(f"indication with content {shown(message.content)}")

    def _event(self, agent: str, item: Mapping[str, Any]) -> ConsoleEvent:
        where = "event"
        schema_id = SchemaId.from_map(required(item, "_schema_id", dict, where))
        if schema_id.kind != EVENT:
            raise ProtocolError(f"{where}: {shown(schema_id.name)} is a class of objects")
        values = required(item, "_values", dict, where)
        severity = optional(item, "_severity", int, where, 0)
        timestamp = optional(item, "_timestamp", int, where, 0)
        self._events_seen += 1
        return EventReceived(agent, schema_id.name, values, severity, timestamp, self._events_seen)

    def _answer(self, message: Message) -> list[ConsoleEvent]:
        cid = message.correlation_id
        pending = self._pending.get(cid) if cid is not None else None
        if cid is None or pending is None or pending.agent != message.agent:
            return []
        try:
            outcome = self._outcome(cid, pending, message)
        except ProtocolError as error:
            outcome = RequestFailed(cid, ErrorCode.EXCEPTION, f"agent {message.agent} sent no valid answer: {error}")
        if outcome is None:
            return []
        del self._pending[cid]
        return [outcome]

    def _outcome(self, cid: str, pending: _Pending, message: Message) -> ConsoleEvent | None:
        """What a message makes of the request it answers; None where more is to come."""
        if message.opcode == opcodes.EXCEPTION:
            return _failure(cid, expect(message.body, dict, "exception"))
        if message.opcode != pending.answer:
            raise ProtocolError(f"{message.opcode} in answer to a request for {pending.answer}")
        if message.opcode == opcodes.METHOD_RESPONSE:
            body = expect(message.body, dict, "method response")
            return MethodAnswer(cid, optional(body, "_arguments", dict, "method response", {}))
        items = expect(message.body, list, "query response")
        read = _READERS.get(message.content)
        if read is None:
            raise ProtocolError(f"query response with content {shown(message.content)}")
        if len(pending.items) + len(items) > MAX_ITEMS:
            raise ProtocolError(f"query response of more than {MAX_ITEMS} items")
        pending.items += [read(expect(item, dict, "item of a query response")) for item in items]
        return None if message.partial else QueryAnswer(cid, tuple(pending.items))


def _failure(cid: str, body: Mapping[str, Any]) -> RequestFailed:
    """Read an exception. One that is an object of the agent's own class is shown by its values."""
    where = "exception"
    values = required(body, "_values", dict, where)
    text = optional(values, "error_text", str, where, "")
    return RequestFailed(
        cid,
        optional(values, "error_code", int, where, ErrorCode.EXCEPTION),
        text or ", ".join(f"{key}: {value!s:.200}" for key, value in values.items()),
        optional(values, "reason", str, where, ""),
    )


def _lasting(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key not in ("_timestamp", "timestamp")}


def _patience(agent: AgentInfo) -> float:
    if agent.heartbeat_interval <= 0:
        return MAX_AGENT_AGE
    return min(MISSED_HEARTBEATS * agent.heartbeat_interval, MAX_AGENT_AGE)
