"""The agent's half of QMF v2: requests in; answers, method calls and indications out.

Rules of this file:
- Every request that can be answered gets exactly one terminal answer; correlation ids are copied as they are, absent
  ones stay absent. Only requests are ever answered, so that two agents can't keep each other busy.
- What is wrong with a request is answered with an exception; `receive` raises nothing for any message.
- Method calls are carried out by the caller, who then passes the outcome to `succeed` or `fail`.
- A request without reply-to is dropped: nobody would learn what came of it.
- No clock is read; timestamps are arguments, in nanoseconds since the epoch.
Source: qpid-cpp src/qmf/AgentSession.cpp, src/qpid/management/ManagementAgent.cpp.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID, uuid4

from qmfagent.errors import ConfigError, ProtocolError, QmfAgentError, Refused, SchemaError, UnknownObject
from qmfagent.qmf import opcodes
from qmfagent.qmf.checks import check_arguments, check_results, check_values
from qmfagent.qmf.codec import UInt8, UInt32, UInt64
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.message import DIRECT, INDICATION, REQUEST, RESPONSE, TOPIC, Address, Message
from qmfagent.qmf.opcodes import ErrorCode
from qmfagent.qmf.predicate import compile_predicate
from qmfagent.qmf.queries import ObjectSource, answer_query, find_object
from qmfagent.qmf.schema import Schema


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
        attributes: Mapping[str, Any] | None = None,
        heartbeat_interval: int = 10,
        epoch: int = 1,
        schema_updated: int = 0,
        route: UUID | None = None,
        chunk: int = 100,
        answer_broker: bool = False,
    ) -> None:
        """Make an agent named `vendor:product:instance`; raises ConfigError for a name that can't be one.

        `attributes` are added to those that QMF defines; `heartbeat_interval` is in seconds; a new `epoch` tells
        consoles that the agent has restarted; `schema_updated` (nanoseconds since the epoch) that they must read the
        schema again; `route` makes the agent's own address on the topic exchange; `chunk` is how many items one
        message carries at most; `answer_broker` makes the agent answer for the name "broker" too, which qpid's tools
        look for where there is no broker (never set it where there is one).
        """
        if not (vendor and product and instance) or ":" in vendor + product:
            raise ConfigError(
                f"{vendor}:{product}:{instance} can't name an agent",
                hint="vendor, product and instance must not be empty, vendor and product have no colon",
            )
        self.name = f"{vendor}:{product}:{instance}"
        self.schema = schema
        self.heartbeat_interval = heartbeat_interval
        self._identity = (vendor, product, instance)
        self._source = source
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

    def addresses(self) -> list[Address]:
        """What this agent receives from."""
        own = [Address(TOPIC, "console.#"), Address(TOPIC, self._route), Address(DIRECT, self.name)]
        return [*own, Address(DIRECT, opcodes.BROKER_SUBJECT)] if self._answer_broker else own

    # -- requests

    def receive(self, message: Message, identity: str, now_ns: int) -> list[Message | MethodCall]:
        """Take one message from the bus; give the answers to send, or the one method call to carry out."""
        if message.reply_to is None:
            return []
        try:
            if message.opcode == opcodes.METHOD_REQUEST:
                return self._method(message, message.reply_to, identity)
            if message.opcode == opcodes.QUERY_REQUEST:
                return [*self._query(message, message.reply_to)]
            if message.opcode == opcodes.AGENT_LOCATE_REQUEST:
                return [*self._locate(message, message.reply_to, now_ns)]
        except UnknownObject as error:
            return [self._refusal(message, message.reply_to, ErrorCode.UNKNOWN_OBJECT, error)]
        except (ProtocolError, SchemaError) as error:
            return [self._refusal(message, message.reply_to, ErrorCode.INVALID_PARAMETER, error)]
        except QmfAgentError as error:
            return [self._refusal(message, message.reply_to, ErrorCode.EXCEPTION, error)]
        if message.method != REQUEST or not message.opcode or message.to.subject.startswith("console."):
            # A broadcast that we don't understand is for others; answering it would make every agent complain.
            return []
        unknown = ProtocolError(f"opcode {shown(message.opcode)} is not implemented")
        return [self._refusal(message, message.reply_to, ErrorCode.NOT_IMPLEMENTED, unknown)]

    def _locate(self, message: Message, reply_to: Address, now_ns: int) -> list[Message]:
        # The locate that is sent to the name "broker" has no body at all.
        matches = compile_predicate(message.body if message.body is not None else [])
        values = self._announcement(now_ns)
        if not matches(values):
            return []
        return [
            Message(
                to=reply_to,
                opcode=opcodes.AGENT_LOCATE_RESPONSE,
                method=INDICATION,
                body={"_values": values},
                agent=self.name,
                correlation_id=message.correlation_id,
            )
        ]

    def _query(self, message: Message, reply_to: Address) -> list[Message]:
        query = expect(message.body, dict, "query")
        content, items = answer_query(query, self.schema, self._source, self.name)
        parts = _parts(items, self._chunk)
        return [
            Message(
                to=reply_to,
                opcode=opcodes.QUERY_RESPONSE,
                method=RESPONSE,
                body=part,
                content=content,
                agent=self.name,
                correlation_id=message.correlation_id,
                partial=number < len(parts),
            )
            for number, part in enumerate(parts, 1)
        ]

    def _method(self, message: Message, reply_to: Address, identity: str) -> list[Message | MethodCall]:
        where = "method request"
        body = expect(message.body, dict, where)
        name = required(body, "_method_name", str, where)
        object_id = ObjectId.from_map(required(body, "_object_id", dict, where))
        data = find_object(object_id, self._source, self.name)
        if data is None:
            raise UnknownObject(f"agent {self.name} has no object {shown(object_id.object_name)}")
        schema_class = self.schema.object_class(data.class_name)
        method = schema_class.method(name)
        if method is None:
            known = ", ".join(item.name for item in schema_class.methods) or "none"
            error = SchemaError(f"class {data.class_name} has no method {shown(name)}", hint=f"known are: {known}")
            return [self._refusal(message, reply_to, ErrorCode.UNKNOWN_METHOD, error)]
        arguments = check_arguments(schema_class, method, optional(body, "_arguments", dict, where, {}))
        return [MethodCall(object_id, data.class_name, name, arguments, identity, reply_to, message.correlation_id)]

    # -- outcomes of method calls

    def succeed(self, call: MethodCall, results: Mapping[str, Any]) -> Message:
        """The answer to a method call that was carried out, with its output arguments.

        Raises SchemaError where they do not fit the schema; the call has then still to be answered with `fail`.
        """
        schema_class = self.schema.object_class(call.class_name)
        method = schema_class.method(call.method)
        if method is None:
            raise SchemaError(f"class {call.class_name} has no method {call.method!r}")
        return Message(
            to=call.reply_to,
            opcode=opcodes.METHOD_RESPONSE,
            method=RESPONSE,
            body={"_arguments": check_results(schema_class, method, results)},
            agent=self.name,
            correlation_id=call.correlation_id,
        )

    def fail(self, call: MethodCall, code: ErrorCode, text: str, reason: str = "") -> Message:
        """The answer to a method call that was not carried out; `reason` is the name of a refusal, where it was one."""
        return self._exception(call.reply_to, call.correlation_id, code, text, reason)

    def _refusal(self, request: Message, reply_to: Address, code: ErrorCode, error: QmfAgentError) -> Message:
        reason = error.reason if isinstance(error, Refused) else ""
        return self._exception(reply_to, request.correlation_id, code, str(error), reason)

    def _exception(self, to: Address, correlation_id: str | None, code: ErrorCode, text: str, reason: str) -> Message:
        values: dict[str, Any] = {"error_text": text, "error_code": UInt32(code)}
        if reason:
            values["reason"] = reason
        return Message(
            to=to,
            opcode=opcodes.EXCEPTION,
            method=RESPONSE,
            body={"_values": values},
            content=opcodes.CONTENT_DATA,
            agent=self.name,
            correlation_id=correlation_id,
        )

    # -- indications

    def heartbeat(self, now_ns: int) -> Message:
        """The announcement that is due every `heartbeat_interval` seconds."""
        return self._indication(
            opcodes.heartbeat_subject(*self._identity),
            opcodes.AGENT_HEARTBEAT_INDICATION,
            "",
            {"_values": self._announcement(now_ns)},
            ttl=2.0 * self.heartbeat_interval,
        )

    def event(self, name: str, values: Mapping[str, Any], now_ns: int) -> Message:
        """An event of the class `name`; raises SchemaError where there is none or the values do not fit it."""
        event_class = self.schema.event_class(name)
        check_values(event_class, values)
        severity = event_class.severity or 0
        body = {
            "_schema_id": event_class.id.to_map(),
            "_values": dict(values),
            "_severity": UInt8(severity),
            "_timestamp": UInt64(now_ns),
        }
        subject = opcodes.event_subject(event_class.id.package, name, severity, *self._identity)
        return self._indication(subject, opcodes.DATA_INDICATION, opcodes.CONTENT_EVENT, [body])

    def data_indication(self, objects: Iterable[Data]) -> list[Message]:
        """Tell consoles of objects that have changed, or that are gone (see Data.deleted); one class in a message."""
        messages = []
        for schema_id, group in groupby(sorted(objects, key=_class_key), key=lambda item: item.schema_id):
            subject = opcodes.data_subject(schema_id.package, schema_id.name, *self._identity)
            for part in _parts([item.to_map(self.name) for item in group], self._chunk):
                messages.append(self._indication(subject, opcodes.DATA_INDICATION, opcodes.CONTENT_DATA, part))
        return messages

    def _indication(
        self, subject: str, opcode: str, content: str, body: dict[str, Any] | list[Any], ttl: float = 0.0
    ) -> Message:
        return Message(Address(TOPIC, subject), opcode, INDICATION, body, content, self.name, ttl=ttl)

    def _announcement(self, now_ns: int) -> dict[str, Any]:
        return {**self._attributes, "_timestamp": UInt64(now_ns)}


def _class_key(data: Data) -> tuple[str, str]:
    return data.schema_id.package, data.schema_id.name


def _parts(items: list[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    """Cut a list into parts of at most `size`; an empty list is one empty part, since every answer needs one."""
    return [items[start : start + size] for start in range(0, len(items), size)] or [[]]
