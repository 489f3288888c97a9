"""What `make fuzz` feeds with bytes: for each target its entry and the inputs to begin with.

Rules of this file: an entry takes any bytes, and raises nothing but what it has found. Those with an agent behind them are
context managers; nothing is sent over a socket, so that one input takes microseconds.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.messages import management as management_wire
from qmfagent.bus.messages import wire
from qmfagent.bus.messages.stamp import stamped
from qmfagent.bus.security.identity import Identity
from qmfagent.errors import CodecError, InputError
from qmfagent.management.message import NODE
from qmfagent.qmf.codec import decode_list, decode_map
from qmfagent.qmf.message import DIRECT, TOPIC, Address
from qmfagent.qmf.v1 import SchemaRequest
from tests.fuzz.management import REQUESTS, Asked
from tests.fuzz.messages import BODIES, Spec
from tests.fuzz.originals import BODIES as CAPTURED
from tests.fuzz.originals import MESSAGES
from tests.fuzz.recording import ANONYMOUS, ANSWER, OPENING, SASL, join, record, sized
from tests.fuzz.target import NAME, Target

Take = Callable[[bytes], None]


def codec(data: bytes) -> None:
    """The bytes of a map or list."""
    for decode in (decode_map, decode_list):
        with suppress(CodecError):
            decode(data)


def message(data: bytes) -> None:
    """The bytes of a message."""
    with suppress(InputError):
        SchemaRequest.read(data)
    with suppress(InputError):
        envelope = wire.Envelope.open(data)
        for read in (
            lambda: stamped(data, "CN=site-a"),
            lambda: envelope.message(Address(envelope.to, envelope.subject), ""),
            lambda: management_wire.read_request(envelope.amqp, Identity()),
        ):
            with suppress(InputError):
                read()


@contextmanager
def agent() -> Iterator[Target]:
    """A whole agent."""
    with tempfile.TemporaryDirectory() as folder, Target(Path(folder)) as target:
        yield target


class Socket(asyncio.Transport):
    """A socket that takes everything and goes nowhere; `protocol` learns of its end."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self._protocol = protocol

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


@contextmanager
def request() -> Iterator[Take]:
    """The bytes of a message that a peer has sent to the agent; the first says to which node."""
    nodes = [DIRECT, TOPIC, NODE, None]
    with agent() as target:
        admission = Admission(target.listener.limits, clock=iter(range(10**12)).__next__)

        async def attempt(data: bytes) -> None:
            condition = target.listener.publish(nodes[data[0] % len(nodes)], data[1:], Identity(), admission)
            assert condition is None or condition.name != "amqp:internal-error"
            for _ in range(3):
                await asyncio.sleep(0)  # calls begin
            target.log.check()

        yield lambda data: target.run(attempt(data)) if data else None
        target.run(target.at_rest())


@contextmanager
def frames() -> Iterator[Take]:
    """The bytes of a connection: what a peer says before it has heard of a session, and after."""
    with agent() as target:
        (endpoint,) = target.listener._endpoints

        async def attempt(data: bytes) -> None:
            protocol = target.listener._accept(endpoint)
            socket = Socket(protocol)
            protocol.connection_made(socket)
            for part in data.split(MARK, 1):
                protocol.data_received(part)
                await asyncio.sleep(0)
            protocol.eof_received()
            socket.abort()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            target.log.check()
            assert len(target.listener._peers) == target.quiet.peers

        yield lambda data: target.run(attempt(data))
        target.run(target.at_rest())


MARK = b"\xaa\x55\xaa\x55"
"""Between the two parts of a conversation."""


@dataclass(frozen=True)
class Entry:
    """One target: what to call, and the inputs to begin with. Both are made when it is their turn."""

    open: Callable[[], AbstractContextManager[Take]]
    seeds: Callable[[], list[bytes]]


def said() -> list[bytes]:
    """What a real console says to an agent."""
    with agent() as target:
        heard = target.run(record(target.port)).frames
    opening, rest = join(heard[:OPENING]), join(heard[OPENING:])
    attaching = [opening + MARK + attach(role, odd) for role in (b"\x41", b"\x42") for odd in ODD_VALUES]
    return [opening + MARK + rest, opening + rest, SASL + ANONYMOUS + ANONYMOUS, SASL + ANSWER, *attaching]


ODD_VALUES = [
    b"\xe0\x07\x02\xa3\x01a\x01b",
    b"\xe0\x05\x04\x61\x00\x01\x00",
    b"\xc1\x08\x02\xa3\x01a\x00\x53\x01\x40",
    b"\x00" * 8 + b"\x40" * 9,
]
"""An array, one whose count is wrong, a map with a described value, descriptors of descriptors."""


def attach(role: bytes, odd: bytes) -> bytes:
    """A frame that attaches a link, with a value in every place that takes any."""
    address, null = b"\xa1\x11" + TOPIC.encode(), b"\x40"
    source = b"\x00\x53\x28" + listed(address, null, null, null, null, odd, null, odd, odd, odd, odd)
    target = b"\x00\x53\x29" + listed(address, null, null, null, null, odd, odd)
    fields = (b"\xa1\x01n", b"\x43", role, null, null, source, target, odd, null, null, null, odd, odd, odd)
    return sized(bytes(4) + b"\x02\x00\x00\x00\x00\x53\x12" + listed(*fields))


def listed(*fields: bytes) -> bytes:
    """A list of encoded values."""
    values = b"".join(fields)
    return b"\xd0" + (len(values) + 4).to_bytes(4) + len(fields).to_bytes(4) + values


def asked() -> list[bytes]:
    """What a real console asks an agent."""
    plain: dict[str, Any] = {"target": DIRECT, "subject": NAME, "method": "request", "form": "data", "properties": {}}
    queries = [
        Spec(
            opcode=opcode,
            body=body,
            content_type=f"amqp/{'list' if isinstance(body, list) else 'map'}",
            **plain,
            reply_to=f"{TOPIC}/x",
            correlation_id="1",
        )
        for opcode, body in BODIES
    ]
    managed = [Asked(properties, body, "amq.direct/x", 1) for properties, body in REQUESTS]
    return [b"\x00" + item.encode("") for item in queries] + [b"\x02" + item.encode("") for item in managed]


ENTRIES = {
    "codec": Entry(lambda: nullcontext(codec), lambda: CAPTURED),
    "wire": Entry(lambda: nullcontext(message), lambda: MESSAGES),
    "request": Entry(request, asked),
    "frames": Entry(frames, said),
}
