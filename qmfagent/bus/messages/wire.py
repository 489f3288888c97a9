"""A QMF v2 message as AMQP 1.0 bytes, and back.

Rules of this file: out goes what every known peer understands: one data section in the AMQP 0-10 codec, content-type
amqp/map or amqp/list, `to` and subject for exchange and routing key; to who asks for it, an amqp-value map or list. In comes
that, and what a qpidd makes of a 0-10 sender's message. A null `partial` property counts as set: its presence is the flag.
x-amqp-0-10.app-id is always sent and never required. A message of QMF version 1 (see qmf/v1.py) is one data section without
qmf.opcode; its only property is the sending agent.
Source: qpid-cpp src/qmf/constants.cpp, src/qpid/messaging/Message.cpp, src/qpid/broker/amqp/Translation.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import proton

from qmfagent.bus.messages.values import native, plain, reading, text
from qmfagent.errors import ProtocolError
from qmfagent.qmf import codec, v1
from qmfagent.qmf.fields import shown
from qmfagent.qmf.message import Address, Message

MAP = "amqp/map"
LIST = "amqp/list"
V1 = "x-application/qmf"
APP_ID = "x-amqp-0-10.app-id"
METHOD = "method"
OPCODE = "qmf.opcode"
AGENT = "qmf.agent"
CONTENT = "qmf.content"
PARTIAL = "partial"
TRACEPARENT = "traceparent"


def encode(message: Message, *, to: str = "", durable: bool = False) -> bytes:
    """The bytes of a message, the same for every link it is sent on. Raises CodecError for a body that has no form.

    `to` is its address where a broker calls it otherwise than QMF does; a `durable` one outlives the broker's restart.
    """
    amqp = _headed(message, to, durable)
    if isinstance(message.body, bytes):
        amqp.body, amqp.content_type = message.body, V1
    elif isinstance(message.body, dict):
        amqp.body, amqp.content_type = codec.encode_map(message.body), MAP
    elif message.body is not None:
        amqp.body, amqp.content_type = codec.encode_list(message.body), LIST
    return bytes(amqp.encode())


def encode_as_value(message: Message) -> bytes:
    """The same with a map or list as an amqp-value, unless it holds more values than proton can: 65,535.

    Raises CodecError for a body that has no form at all.
    """
    if not isinstance(message.body, (dict, list)):
        return encode(message)
    amqp = _headed(message)
    amqp.inferred, amqp.body = False, native(message.body)
    try:
        return bytes(amqp.encode())
    except (OverflowError, TypeError, ValueError, proton.ProtonException):
        return encode(message)


def _headed(message: Message, to: str = "", durable: bool = False) -> proton.Message:
    """A message's headers and properties, without its body."""
    properties: dict[str, Any] = {}
    if not isinstance(message.body, bytes):
        properties = {APP_ID: "qmf2", METHOD: message.method, OPCODE: message.opcode}
    if message.agent:
        properties[AGENT] = message.agent
    if message.content:
        properties[CONTENT] = message.content
    if message.partial:
        properties[PARTIAL] = None
    if message.traceparent:
        properties[TRACEPARENT] = message.traceparent
    amqp = proton.Message(inferred=True, properties=properties, address=to or message.to.node, durable=durable)
    if message.to.subject:
        amqp.subject = message.to.subject
    if message.correlation_id is not None:
        amqp.correlation_id = message.correlation_id
    if message.reply_to is not None:
        amqp.reply_to = str(message.reply_to)
    if message.user_id:
        amqp.user_id = message.user_id.encode()
    if message.ttl:
        amqp.ttl = message.ttl
    return amqp


@dataclass(frozen=True, slots=True)
class Envelope:
    """A received message as far as routing needs it, and the message itself.

    `to` and `subject` say where it goes; `user_id` and `agent` are who its sender claims to be.
    """

    to: str
    subject: str
    user_id: str
    agent: str
    amqp: proton.Message

    @classmethod
    def open(cls, data: bytes) -> Envelope:
        """Read a received message. Raises ProtocolError for bytes that are none."""
        amqp = proton.Message()
        with reading("a message"):
            amqp.decode(data)
        return cls.of(amqp)

    @classmethod
    def of(cls, amqp: proton.Message) -> Envelope:
        """Read a received message that is decoded already. Raises ProtocolError where its properties can't be read."""
        with reading("a message"):
            agent = text((amqp.properties or {}).get(AGENT))
            return cls(amqp.address or "", amqp.subject or "", text(amqp.user_id), agent, amqp)

    def message(self, to: Address, user: str) -> Message:
        """The QMF message inside. Raises ProtocolError, or CodecError, where there is none.

        `user` becomes its user_id: what the sender claims in the message is not believed.
        """
        with reading(f"a message to {shown(str(to))}"):
            return self._whole(to, user)

    def head(self, to: Address, user: str) -> Message:
        """The QMF message without its body, which is not looked at. Raises ProtocolError."""
        with reading(f"a message to {shown(str(to))}"):
            return self._message(to, user, text((self.amqp.properties or {}).get(OPCODE)), None)

    def _whole(self, to: Address, user: str) -> Message:
        opcode = text((self.amqp.properties or {}).get(OPCODE))
        body = _body(self.amqp) if opcode else _v1_body(self.amqp)
        if not opcode and body is None:
            raise ProtocolError(f"a message to {shown(str(to))} without {OPCODE} is no QMF v2 message")
        return self._message(to, user, opcode, body)

    def _message(self, to: Address, user: str, opcode: str, body: dict[str, Any] | list[Any] | bytes | None) -> Message:
        properties = self.amqp.properties or {}
        reply_to, correlation_id = self.amqp.reply_to, self.amqp.correlation_id
        return Message(
            to=to,
            opcode=opcode,
            method=text(properties.get(METHOD)),
            body=body,
            content=text(properties.get(CONTENT)),
            agent=text(properties.get(AGENT)),
            correlation_id=None if correlation_id is None else text(correlation_id),
            reply_to=Address.parse(reply_to) if reply_to else None,
            user_id=user,
            partial=PARTIAL in properties,
            ttl=self.amqp.ttl,
            traceparent=text(properties.get(TRACEPARENT)),
        )


def _v1_body(amqp: proton.Message) -> bytes | None:
    """The bytes of a message of version 1, None where it is none. C++ consoles give it no content-type."""
    body = amqp.body
    data = bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b""
    return data if data.startswith(v1.MAGIC) else None


def _body(amqp: proton.Message) -> dict[str, Any] | list[Any] | None:
    body = amqp.body
    if isinstance(body, (bytes, bytearray, memoryview)):
        data = bytes(body)
        if not data:
            return None
        if amqp.content_type == MAP:
            return codec.decode_map(data)
        if amqp.content_type == LIST:
            return codec.decode_list(data)
        raise ProtocolError(
            f"a QMF message with content-type {shown(text(amqp.content_type))}, {MAP} or {LIST} is needed"
        )
    value = plain(body)
    if value is None or isinstance(value, (dict, list)):
        return value
    raise ProtocolError(f"a QMF message whose body is a {type(body).__name__}, a map or a list is needed")
