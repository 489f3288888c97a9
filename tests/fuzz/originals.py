"""What real peers have sent, as it was captured: what damaged messages are made of."""

from __future__ import annotations

import proton

from qmfagent.bus.messages import wire
from tests.qmf.conftest import CAPTURES, load_captures

_CAPTURED = [capture for path in sorted(CAPTURES.glob("op_*.txt")) for capture in load_captures(path.name)]

BODIES: list[bytes] = [capture.raw for capture in _CAPTURED if capture.raw]
"""Bodies in AMQP 0-10 form."""

SCHEMA_REQUEST = b"AM2S" + bytes(4) + b"\x18org.clusterlabs.qmfagent\x06Ticket" + bytes(16)
"""A schema request of version 1."""

MESSAGES: list[bytes] = [
    *(wire.encode(capture.message) for capture in _CAPTURED),
    proton.Message(inferred=True, reply_to="amq.direct/r", body=SCHEMA_REQUEST).encode(),
    proton.Message(
        properties={"operation": "QUERY", "type": "org.amqp.management", "entityType": "Ticket", "count": 5},
        body={"attributeNames": ["name", "granted"]},
        reply_to="reply-1",
        id=1,
    ).encode(),
]
"""Messages of QMF version 2, one of version 1, one of AMQP Management."""
