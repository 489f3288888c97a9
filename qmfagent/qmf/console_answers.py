"""What the answers to a console's requests say.

Rules of this file: an answer is read as what was asked for, or ProtocolError says what it is instead. The items of a query
come in any number of messages; together they are bounded.
Source: qpid-cpp src/qmf/Agent.cpp (handleQueryResponse, handleMethodResponse, handleException).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qmfagent.errors import ProtocolError
from qmfagent.qmf import opcodes
from qmfagent.qmf.classes import SchemaClass, SchemaId
from qmfagent.qmf.console_events import MethodAnswer, QueryAnswer, RequestFailed, Subscribed
from qmfagent.qmf.data import Data, ObjectId
from qmfagent.qmf.fields import expect, optional, required, shown
from qmfagent.qmf.message import Message
from qmfagent.qmf.opcodes import ErrorCode

MAX_ITEMS = 1_000_000
TERMINAL = (opcodes.QUERY_RESPONSE, opcodes.METHOD_RESPONSE, opcodes.SUBSCRIBE_RESPONSE, opcodes.EXCEPTION)
"""The opcodes that end a request."""

Outcome = QueryAnswer | MethodAnswer | Subscribed | RequestFailed
_Item = Data | ObjectId | SchemaId | SchemaClass

_READERS: dict[str, Callable[[Mapping[str, Any]], _Item]] = {
    opcodes.CONTENT_DATA: Data.from_map,
    opcodes.CONTENT_OBJECT_ID: ObjectId.from_map,
    opcodes.CONTENT_SCHEMA_ID: SchemaId.from_map,
    opcodes.CONTENT_SCHEMA: SchemaClass.from_map,
}


@dataclass(slots=True)
class Pending:
    """A request without terminal answer yet: the opcode that this has, the subscription that it makes or refreshes, and the
    items of the answer so far."""

    agent: str
    answer: str
    subscription: str = ""
    items: list[_Item] = field(default_factory=list)


def read_answer(cid: str, pending: Pending, message: Message) -> Outcome | None:
    """What a message makes of the request it answers; None where more is to come. Raises ProtocolError."""
    if message.opcode == opcodes.EXCEPTION:
        return read_failure(cid, message)
    if message.opcode != pending.answer:
        raise ProtocolError(f"{message.opcode} in answer to a request for {pending.answer}")
    if message.opcode == opcodes.METHOD_RESPONSE:
        body = expect(message.body, dict, "method response")
        return MethodAnswer(cid, optional(body, "_arguments", dict, "method response", {}))
    if message.opcode == opcodes.SUBSCRIBE_RESPONSE:
        return _subscribed(cid, pending.subscription, expect(message.body, dict, "subscribe response"))
    items = expect(message.body, list, "query response")
    read = _READERS.get(message.content)
    if read is None:
        raise ProtocolError(f"query response with content {shown(message.content)}")
    if len(pending.items) + len(items) > MAX_ITEMS:
        raise ProtocolError(f"query response of more than {MAX_ITEMS} items")
    pending.items += [read(expect(item, dict, "item of a query response")) for item in items]
    return None if message.partial else QueryAnswer(cid, tuple(pending.items))


def read_failure(cid: str, message: Message) -> RequestFailed:
    """Read an exception. One that is an object of the agent's own class is shown by its values. Raises ProtocolError."""
    where = "exception"
    values = required(expect(message.body, dict, where), "_values", dict, where)
    text = optional(values, "error_text", str, where, "")
    return RequestFailed(
        cid,
        optional(values, "error_code", int, where, ErrorCode.EXCEPTION),
        text or ", ".join(f"{key}: {value!s:.200}" for key, value in values.items()),
        optional(values, "reason", str, where, ""),
    )


def _subscribed(cid: str, subscription: str, body: Mapping[str, Any]) -> Subscribed:
    where = "subscribe response"
    identifier = required(body, "_subscription_id", str, where)
    interval = required(body, "_interval", int, where) / 1000
    return Subscribed(cid, subscription, identifier, interval, required(body, "_duration", int, where))
