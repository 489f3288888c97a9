"""The agent's half of QMF v2: requests in; answers, method calls and indications out.

Rules of this file:
- Every request that can be answered gets exactly one terminal answer; correlation ids are copied as they are, absent
  ones stay absent. Only requests are ever answered, so that two agents can't keep each other busy.
- What is wrong with a request is answered with an exception; `receive` raises nothing for any message.
- Method calls are carried out by the caller, who then passes the outcome to `succeed` or `fail`.
- A request without reply-to is dropped: nobody would learn what came of it.
- No clock is read; timestamps are arguments, in nanoseconds since the epoch. The caller asks `next_due` when to call `due`.
Source: qpid-cpp src/qmf/AgentSession.cpp, src/qpid/management/ManagementAgent.cpp; subscriptions are the Java agent's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from qmfagent.errors import QmfAgentError, Refused, SchemaError, UnknownObject
from qmfagent.qmf import opcodes
from qmfagent.qmf.agent_name import AgentName
from qmfagent.qmf.answers import Answers, chunks
from qmfagent.qmf.checks import check_arguments, check_results
from qmfagent.qmf.codec import UInt32, UInt64
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.indications import Indications, Taken
from qmfagent.qmf.message import DIRECT, REQUEST, TOPIC, Address, Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.qmf.predicate import compile_predicate
from qmfagent.qmf.pushes import Pushes
from qmfagent.qmf.queries import ObjectSource, answer_query, is_ours
from qmfagent.qmf.schema import Schema
from qmfagent.qmf.subscriptions import Subscriptions
from qmfagent.qmf.v1 import SchemaRequest, encode_schema
from qmfagent.qmf.views import Sees, Views, sees_all


@dataclass(frozen=True, slots=True)
class MethodCall:
    """A method request that was understood: checked arguments with their defaults, and who asks.

    `identity` is what the bus vouches for, empty where it vouches for nobody. `reply_to` and `correlation_id` belong
    to the answer.
    """

    object_id: ObjectId
    class_name: str
    method: str
    arguments: Mapping[str, Any]
    identity: str
    reply_to: Address
    correlation_id: str | None
    traceparent: str = ""


class Agent:
    """One QMF v2 agent, sans-I/O."""

    def __init__(
        self,
        vendor: str,
        product: str,
        instance: str,
        *,
        schema: Schema,
        source: ObjectSource,
        sees: Sees = sees_all,
        attributes: Mapping[str, Any] | None = None,
        heartbeat_interval: int = 10,
        epoch: int = 1,
        schema_updated: int = 0,
        route: UUID | None = None,
        chunk: int = 100,
        publish_interval: float = 10.0,
        answer_broker: bool = False,
    ) -> None:
        """Make an agent named `vendor:product:instance`; raises ConfigError for a name that can't be one.

        `sees` tells who may see which objects of `source`; `attributes` are added to those that QMF defines;
        `heartbeat_interval` is in seconds; a new `epoch` tells consoles that the agent has restarted;
        `schema_updated` (nanoseconds since the epoch) that they must read the schema again; `route` makes the agent's
        own address on the topic exchange; `chunk` is how many items one message carries at most; `publish_interval`
        how many seconds lie between two tellings of what has changed to everybody; `answer_broker` makes the agent
        answer for the name "broker" too, which qpid's tools look for where there is no broker (never set it where
        there is one).
        """
        name = AgentName(vendor, product, instance)
        self.name = str(name)
        self.schema = schema
        self.heartbeat_interval = heartbeat_interval
        self._views = Views(source, sees)
        self._route = f"direct-agent.route.{route or uuid4()}"
        self._chunk = chunk
        self._answer_broker = answer_broker
        self._attributes: dict[str, Any] = {
            **(attributes or {}),
            "_vendor": vendor,
            "_product": product,
            "_instance": instance,
            "_name": self.name,
            "_epoch": UInt32(epoch),
            "_heartbeat_interval": UInt32(heartbeat_interval),
            "_direct_subject": self._route,
            "qmf.agent_capability": UInt32(1),
        }
        if schema_updated:
            self._attributes["_schema_updated"] = UInt64(schema_updated)
        self._answers = Answers(self.name)
        self._indications = Indications(name)
        self._subscriptions = Subscriptions(self.name, schema, self._views, self._answers, self._indications, chunk)
        self._pushes = Pushes(schema, source, self._indications, round(publish_interval * 1e9), chunk)

    def addresses(self) -> list[Address]:
        """What this agent receives from."""
        own = [Address(TOPIC, "console.#"), Address(TOPIC, self._route), Address(DIRECT, self.name)]
        return [*own, Address(DIRECT, opcodes.BROKER_SUBJECT)] if self._answer_broker else own

    def announce(self, attributes: Mapping[str, Any]) -> None:
        """Change some of the attributes that this agent tells of itself from now on, besides those that QMF defines."""
        self._attributes.update(attributes)

    # -- requests

    def receive(self, message: Message, identity: str, now_ns: int) -> list[Message | MethodCall]:
        """Take one message from the bus; give the answers to send, or the one method call to carry out."""
        reply_to = message.reply_to
        try:
            if message.opcode == opcodes.SUBSCRIBE_CANCEL_INDICATION:
                self._subscriptions.cancel(message, identity)
                return []
            if reply_to is None:
                return []
            return self._answer(message, reply_to, identity, now_ns)
        except QmfAgentError as error:
            # Version 1 has no way to say no.
            return (
                [self._answers.refusal(reply_to, message.correlation_id, error)] if reply_to and message.opcode else []
            )

    def refuse(self, message: Message, refusal: Refused) -> list[Message]:
        """The answer to a request that is not even looked at; `message` may be without its body. Only requests of QMF v2 with
        a reply-to have one."""
        if message.reply_to is None or not _is_request(message):
            return []
        return [self._answers.refusal(message.reply_to, message.correlation_id, refusal)]

    def _answer(self, message: Message, reply_to: Address, identity: str, now_ns: int) -> list[Message | MethodCall]:
        cid = message.correlation_id
        match message.opcode:
            case opcodes.METHOD_REQUEST:
                return self._method(message, reply_to, identity)
            case opcodes.QUERY_REQUEST:
                query = expect(message.body, dict, "query")
                content, items = answer_query(query, self.schema, self._views.of(identity), self.name)
                return [*self._answers.found(reply_to, cid, content, items, self._chunk)]
            case opcodes.AGENT_LOCATE_REQUEST:
                return self._locate(message, reply_to, now_ns)
            case opcodes.SUBSCRIBE_REQUEST:
                return [self._subscriptions.subscribe(message, reply_to, identity, now_ns)]
            case opcodes.SUBSCRIBE_REFRESH_INDICATION:
                return [self._subscriptions.refresh(message, reply_to, identity, now_ns)]
            case "":
                return self._version_1(message, reply_to)
        if not _is_request(message) or message.to.subject.startswith("console."):
            # A broadcast that we don't understand is for others; answering it would make every agent complain.
            return []
        text = f"opcode {shown(message.opcode)} is not implemented"
        return [self._answers.exception(reply_to, cid, ErrorCode.NOT_IMPLEMENTED, text)]

    def _locate(self, message: Message, reply_to: Address, now_ns: int) -> list[Message | MethodCall]:
        # The locate that is sent to the name "broker" has no body at all.
        matches = compile_predicate(message.body if message.body is not None else [])
        values = self._announcement(now_ns)
        if not matches(values):
            return []
        self._pushes.located()
        return [self._answers.located(reply_to, message.correlation_id, values)]

    def _version_1(self, message: Message, reply_to: Address) -> list[Message | MethodCall]:
        request = SchemaRequest.read(message.body) if isinstance(message.body, bytes) else None
        found = request.find(self.schema) if request else None
        if request is None or found is None:
            return []
        return [Message(reply_to, "", "", encode_schema(request.sequence, found), agent=self.name)]

    def _method(self, message: Message, reply_to: Address, identity: str) -> list[Message | MethodCall]:
        where = "method request"
        body = expect(message.body, dict, where)
        name = required(body, "_method_name", str, where)
        object_id = ObjectId.from_map(required(body, "_object_id", dict, where))
        data = self._views.of(identity).find(object_id.object_name) if is_ours(object_id, self.name) else None
        if data is None:
            raise UnknownObject(f"agent {self.name} has no object {shown(object_id.object_name)}")
        schema_class = self.schema.object_class(data.class_name)
        method = schema_class.method(name)
        if method is None:
            known = ", ".join(item.name for item in schema_class.methods) or "none"
            text = f"class {data.class_name} has no method {shown(name)}; known are: {known}"
            return [self._answers.exception(reply_to, message.correlation_id, ErrorCode.UNKNOWN_METHOD, text)]
        arguments = check_arguments(schema_class, method, optional(body, "_arguments", dict, where, {}))
        return [
            MethodCall(
                object_id,
                data.class_name,
                name,
                arguments,
                identity,
                reply_to,
                message.correlation_id,
                message.traceparent,
            )
        ]

    # -- outcomes of method calls

    def succeed(self, call: MethodCall, results: Mapping[str, Any]) -> Message:
        """The answer to a method call that was carried out, with its output arguments.

        Raises SchemaError where they do not fit the schema; the call has then still to be answered with `fail`.
        """
        schema_class = self.schema.object_class(call.class_name)
        method = schema_class.method(call.method)
        if method is None:
            raise SchemaError(f"class {call.class_name} has no method {call.method!r}")
        body = {"_arguments": check_results(schema_class, method, results)}
        return self._answers.response(opcodes.METHOD_RESPONSE, call.reply_to, call.correlation_id, body)

    def fail(self, call: MethodCall, code: ErrorCode, text: str, reason: str = "") -> Message:
        """The answer to a method call that was not carried out; `reason` is the name of a refusal, where it was one."""
        return self._answers.exception(call.reply_to, call.correlation_id, code, text, reason)

    # -- indications

    def heartbeat(self, now_ns: int) -> Message:
        """The announcement that is due every `heartbeat_interval` seconds."""
        return self._indications.heartbeat(self._announcement(now_ns), self.heartbeat_interval)

    def event(self, name: str, values: Mapping[str, Any], now_ns: int) -> Message:
        """An event of the class `name`; raises SchemaError where there is none or the values do not fit it."""
        return self._indications.event(self.schema.event_class(name), values, now_ns)

    def data_indication(self, objects: Iterable[Data]) -> list[Message]:
        """Tell everybody at once of objects that have changed, or that are gone (see Data.deleted); one class in a message.

        Subscriptions have them at their own time.
        """
        objects = sorted(objects, key=_class_key)
        self._subscriptions.changed(objects)
        return [
            self._indications.data(self._indications.data_address(schema_id), part)
            for schema_id, group in groupby(objects, key=lambda item: item.schema_id)
            for part in chunks(group, self._chunk)
        ]

    # -- what is told in its own time

    def listened_to(self, classes: Iterable[str], taken: Taken) -> bool:
        """Whether anybody is to be told of changed objects of these classes, so that they need to be looked for."""
        return len(self._subscriptions) > 0 or self._pushes.wanted(classes, taken)

    def changed(self, objects: Iterable[Data]) -> None:
        """Note that objects have changed, or are gone (see Data.deleted): who wants to know is told in due time."""
        objects = list(objects)
        self._subscriptions.changed(objects)
        self._pushes.changed(objects)

    def next_due(self, now_ns: int) -> int:
        """When `due` is to be called again. A new subscription brings this forward."""
        subscribed = self._subscriptions.next_due(now_ns)
        pushed = self._pushes.next_due(now_ns)
        return pushed if subscribed is None else min(subscribed, pushed)

    def due(self, now_ns: int, taken: Taken) -> Iterator[Message]:
        """What is to be sent now, made one by one: there may be thousands of objects, and others have their turn between."""
        yield from self._subscriptions.due(now_ns, taken)
        yield from self._pushes.due(now_ns, taken)

    def _announcement(self, now_ns: int) -> dict[str, Any]:
        return {**self._attributes, "_timestamp": UInt64(now_ns)}


def _is_request(message: Message) -> bool:
    """Whether it may be answered. qpid's Python console leaves the method out."""
    return bool(message.opcode) and message.method in ("", REQUEST)


def _class_key(data: Data) -> tuple[str, str]:
    return data.schema_id.package, data.schema_id.name
