"""AMQP Management requests and responses as AMQP 1.0 messages.

Rules of this file: a body is an amqp-value map or list in AMQP's own types, never the 0-10 codec and never a described type;
statusCode is an int, whatever its size. Where a request has no correlation-id its message-id takes its place. Who sent it is
taken from the connection alone.
Source: AMQP Management Version 1.0 (working draft), section 2 (requests and responses); AMQP 1.0 part 3.2.
"""

from __future__ import annotations

import proton

from qmfagent.bus.messages.values import native, plain, reading
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import CodecError
from qmfagent.management.message import Request, Response


def read_request(amqp: proton.Message, identity: Identity) -> Request | None:
    """The request in a message from `identity`; None where it names nobody to answer.

    Raises ProtocolError, or CodecError, where it can't be read.
    """
    with reading("a management request"):
        if not amqp.reply_to:
            return None
        correlation_id = amqp.id if amqp.correlation_id is None else amqp.correlation_id
        if isinstance(correlation_id, memoryview):
            correlation_id = bytes(correlation_id)
        return Request(
            properties=plain(amqp.properties or {}),
            body=plain(amqp.body),
            reply_to=amqp.reply_to,
            correlation_id=correlation_id,
            user=identity.user,
            authenticated=identity.authenticated,
        )


def encode_response(response: Response) -> bytes:
    """The bytes of a response. Raises CodecError where its body has no form, or more values than proton can hold: 65,535."""
    properties = {"statusCode": proton.int32(response.status), "statusDescription": response.description}
    amqp = proton.Message(inferred=False, properties=properties, address=response.to, body=native(response.body))
    if response.correlation_id is not None:
        amqp.correlation_id = response.correlation_id
    try:
        return bytes(amqp.encode())
    except (OverflowError, TypeError, ValueError, proton.ProtonException) as error:
        raise CodecError(f"a response that can't be written: {error}") from error
