"""One QMF v2 message, independent of how the bus carries it.

Rules of this file: a Message is a value. `body` holds plain Python values (dict, list, str, bytes, int, float, bool,
None, uuid.UUID); the codec turns it into bytes, the bus turns bytes and properties into an AMQP message.
Source: QMF v2 message properties, qpid-cpp src/qmf/constants.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOPIC = "qmf.default.topic"
DIRECT = "qmf.default.direct"

REQUEST = "request"
RESPONSE = "response"
INDICATION = "indication"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes: an exchange (the AMQP node) and a subject (its routing key).

    `subject` is empty for a queue or a dynamic node, which have no routing key.
    """

    node: str
    subject: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Split the reply-to form `<exchange>/<key>` at its first slash; without a slash it is a node alone."""
        node, _, subject = text.partition("/")
        return cls(node, subject)

    def __str__(self) -> str:
        return f"{self.node}/{self.subject}" if self.subject else self.node


@dataclass(frozen=True, slots=True)
class Message:
    """One QMF v2 message, or one of version 1 (see v1.py): that has bytes for a body, and neither opcode nor method.

    `method` is request, response or indication; `opcode` is the qmf.opcode property (`_query_request` and so on);
    `content` is qmf.content; `agent` is the sending agent's full name, present in every message from an agent;
    `partial` says that more messages of the same response follow; `traceparent` ties a request or an event to
    what it came of (W3C Trace Context), empty where the sender has none.
    """

    to: Address
    opcode: str
    method: str
    body: dict[str, Any] | list[Any] | bytes | None = None
    content: str = ""
    agent: str = ""
    correlation_id: str | None = None
    reply_to: Address | None = None
    user_id: str = ""
    partial: bool = False
    ttl: float = 0.0
    traceparent: str = ""
