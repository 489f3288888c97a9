"""A message that was consumed over AMQP 0-9-1, as a message of AMQP 1.0.

Rules of this file: pure but for proton's codec. Exchange, routing key and user-id are those of AMQP 0-9-1: the broker has
used the first two to get the message here, and compared the third with who published it. What the sender's properties of
AMQP 1.0 say of them is not believed. Two forms arrive:
- from RabbitMQ 3's plugin the sections of AMQP 1.0 lie in headers as they were, the body is that of a data section, or, with
  type `amqp-1.0`, the body's sections themselves;
- from clients of AMQP 0-9-1, and from RabbitMQ 4, the properties are those of AMQP 0-9-1, headers are application properties.
Source: RabbitMQ 3.10 rabbitmq_amqp1_0, conversion of messages, seen; AMQP 1.0 part 3.2 (sections).
"""

from __future__ import annotations

import struct
from typing import Any

import proton
from pika import BasicProperties

from qmfagent.bus.messages.wire import Envelope

PROPERTIES = "x-amqp-1.0-properties"
APPLICATION_PROPERTIES = "x-amqp-1.0-app-properties"
SECTIONS = "amqp-1.0"
DATA = b"\x00\x53\x75\xb0"
"""A data section with 32 bit of length, up to that length."""


def envelope(exchange: str, routing_key: str, properties: BasicProperties, body: bytes) -> Envelope:
    """The message, with the exchange as `to`. Raises ProtocolError for bytes that are none."""
    headers = properties.headers or {}
    if PROPERTIES in headers or APPLICATION_PROPERTIES in headers:
        sections = body if properties.type == SECTIONS else DATA + struct.pack(">I", len(body)) + body
        received = Envelope.open(
            _bytes(headers.get(PROPERTIES, b"")) + _bytes(headers.get(APPLICATION_PROPERTIES, b"")) + sections
        )
        amqp = received.amqp
    else:
        amqp = _translated(properties, headers, body)
    amqp.address, amqp.subject = exchange, routing_key
    amqp.user_id = (properties.user_id or "").encode()
    return Envelope.of(amqp)


def _translated(properties: BasicProperties, headers: dict[str, Any], body: bytes) -> proton.Message:
    return proton.Message(
        inferred=True,
        body=body,
        properties=headers,
        content_type=properties.content_type,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
    )


def _bytes(value: str | bytes) -> bytes:
    """pika gives a long string as text where it happens to be UTF-8."""
    return value.encode() if isinstance(value, str) else bytes(value)
