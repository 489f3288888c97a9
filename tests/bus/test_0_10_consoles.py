"""Consoles of AMQP 0-10, qpid's Python console and the C++ library's, replayed from the requests that were recorded behind a
qpidd, against a real agent on a real listener.

Between them stands a broker that translates as qpidd does: of a 0-10 message a map or list becomes an amqp-value, vbin in it
(which is how some clients write text) and in the application properties becomes binary, the app-id is lost, other content
stays a data section; of a 1.0 message a data section goes on byte for byte with its content-type.
"""

from __future__ import annotations

import asyncio
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import proton
import pytest
from proton.utils import BlockingConnection

from qmfagent.bus.listener.listener import AMQ_DIRECT
from qmfagent.qmf.classes import SchemaId
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import DIRECT, TOPIC
from qmfagent.qmf.schema import Schema
from tests.bus.foreign import ROUTE, WAIT, Methods, Objects, OnBus, Results, connected, content, put_on_bus, subject
from tests.qmf.conftest import CAPTURES
from tests.qmf.test_v1 import Reader, request_bytes

PYLAB = "matahariproject.org:pylab:dfffb3dd-0e01-4bc8-a7b6-097eadb5b426"
ROUTE_RECORDED = "direct-agent.route.47cccd0b-56f6-4752-99e2-648b081479e4"

LAB_SCHEMA = b"""<schema package="org.lab.cib">
<class name="Ticket"><property name="name" type="sstr" index="y"/><property name="granted" type="bool"/>
  <method name="grant"><arg name="force" type="bool" dir="I"/><arg name="owner" type="sstr" dir="O"/></method>
  <method name="boom"/></class>
<eventArguments><arg name="ticket" type="sstr"/></eventArguments><event name="ticket_change" sev="notice" args="ticket"/>
</schema>"""


def lab(schema: Schema) -> Objects:
    """What the agent had that the consoles' messages were recorded with."""
    ticket = schema.object_class("Ticket")
    return Objects([Data.of(ticket, f"ticket-{i:02}", {"name": f"t{i}", "granted": False}) for i in range(3)])


def boom(objects: Objects, arguments: Results) -> Results:
    raise ValueError("boom")


METHODS: Methods = {"grant": lambda objects, arguments: {"owner": "north"}, "boom": boom}


@dataclass(frozen=True)
class Recorded:
    """One recorded request, as it left the broker: the application properties it had left, and its body, None where it was
    one of version 1."""

    opcode: str
    app_id: bool
    content_type: str
    correlation_id: str | None
    reply_to: str
    user_id: bytes
    subject: str
    body: Any


_REQUEST = re.compile(
    r"REQ (\S+) appid (\S+) ct (\S+) section value cid (\S+) reply (\S+) user b'(.*?)' subj (\S+) raw (.*)"
)
_V1 = re.compile(r"V1 opcode b'S' reply (\S+) ct (\S+) cid None props \{\}")


def recorded() -> Iterator[Recorded]:
    """The requests in their order."""
    names = {"__builtins__": {}, "UUID": UUID, "uint": proton.uint}
    for line in (CAPTURES / "requests-from-0-10-consoles.txt").read_text().splitlines():
        if found := _REQUEST.fullmatch(line):
            opcode, app_id, content_type, cid, reply_to, user, key, body = found.groups()
            cid = None if cid == "None" else cid
            yield Recorded(opcode, app_id == "qmf2", content_type, cid, reply_to, user.encode(), key, eval(body, names))
        else:
            found = _V1.fullmatch(line)
            assert found, line
            yield Recorded("", False, found[2], None, found[1], b"", PYLAB, None)


REQUESTS = list(recorded())


def binary(value: Any) -> Any:
    """A body as qpidd translates it for a client that writes text as vbin, as the C++ library does."""
    if isinstance(value, dict):
        return {key: binary(item) for key, item in value.items()}
    if isinstance(value, list):
        return [binary(item) for item in value]
    return value.encode() if isinstance(value, str) else value


class Qpidd:
    """The broker between: it takes what consoles of 0-10 have bound, and passes on what they send."""

    def __init__(self, connection: BlockingConnection, on_bus: OnBus, text: Callable[[Any], Any]) -> None:
        """`text` makes of a recorded body what is sent on."""
        self._agent = on_bus.agent
        self._text = text
        self._send = {node: connection.create_sender(node, name=f"out-{node}") for node in (TOPIC, DIRECT)}
        self._queues = {
            address: connection.create_receiver(
                address.partition("/")[0], name=f"in-{address}", options=subject(address.partition("/")[2])
            )
            for address in sorted({request.reply_to for request in REQUESTS})
        }

    def pass_on(self, request: Recorded, v1: bytes = b"") -> None:
        """Send a recorded request on. What names the recorded agent's route and classes names ours."""
        headers: dict[str, Any] = {}
        if request.opcode:
            headers["qmf.opcode"] = request.opcode.encode()
        if request.app_id:
            # The C++ library's 0-10 client writes this as an ordinary header, too.
            headers |= {"x-amqp-0-10.app-id": b"qmf2", "method": b"request"}
        amqp = proton.Message(
            inferred=request.body is None,
            body=v1 if request.body is None else self._text(self._ours(request.body)),
            content_type=request.content_type,
            subject=request.subject.replace(ROUTE_RECORDED, f"direct-agent.route.{ROUTE}"),
            reply_to=request.reply_to,
            user_id=request.user_id,
            properties=headers or None,
        )
        if request.correlation_id is not None:
            amqp.correlation_id = request.correlation_id
        topic = request.subject.startswith(("console.", "direct-agent."))
        self._send[TOPIC if topic else DIRECT].send(amqp)

    def received(self, request: Recorded) -> tuple[proton.Message, Any]:
        """What arrives at a console's queue: the message, and its body as a 0-10 client decodes it."""
        amqp = self._queues[request.reply_to].receive(timeout=WAIT)
        assert isinstance(amqp.body, (bytes, memoryview)), "qpidd would have to encode this anew"
        return amqp, content(amqp)

    def _ours(self, body: Any) -> Any:
        schema_id = body.get("_schema_id", {}) if isinstance(body, dict) else {}
        if "_hash" not in schema_id:
            return body
        name, schema = schema_id["_class_name"].decode(), self._agent.schema
        ours = schema.event_class(name) if schema_id["_type"] == b"_event" else schema.object_class(name)
        return {**body, "_schema_id": {**schema_id, "_hash": ours.id.hash}}


@pytest.fixture
async def on_bus(bus: Any) -> OnBus:
    return await put_on_bus(bus, PYLAB, LAB_SCHEMA, lab, METHODS, chunk=2)


def as_recorded(body: Any) -> Any:
    return body


async def with_qpidd(
    bus: Any, on_bus: OnBus, converse: Callable[[Qpidd], None], text: Callable[[Any], Any] = as_recorded
) -> None:
    def run() -> None:
        with connected(bus.url) as connection:
            converse(Qpidd(connection, on_bus, text))

    await asyncio.to_thread(run)


@pytest.mark.parametrize("text", [as_recorded, binary])
async def test_every_recorded_request_has_its_answer(bus: Any, on_bus: OnBus, text: Callable[[Any], Any]) -> None:
    def converse(qpidd: Qpidd) -> None:
        told = [answered(qpidd, request) for request in REQUESTS if request.opcode]
        assert told == [
            "_agent_locate_response",
            "_query_response _schema_id 2",
            "_query_response _data 3",
            "_method_response",
            "_exception _data",
            "_query_response _data 0",
            "_agent_locate_response",
            "_query_response _schema_id 2",
            "_query_response _schema 1",
            "_query_response _data 3",
            "_method_response",
            "_exception _data",
            "_query_response _schema 1",
        ]

    await with_qpidd(bus, on_bus, converse, text)


def answered(qpidd: Qpidd, request: Recorded) -> str:
    """Opcode, content and number of items of the answer to a request, which may come in parts."""
    qpidd.pass_on(request)
    count, items = 0, False
    while True:
        amqp, body = qpidd.received(request)
        # Consoles of 0-10 find the agent by this header, and the request by the correlation id.
        assert amqp.properties["qmf.agent"] == PYLAB
        assert amqp.correlation_id == request.correlation_id
        if isinstance(body, list):
            count, items = count + len(body), True
        if "partial" not in amqp.properties:
            break
    words = [amqp.properties["qmf.opcode"], amqp.properties.get("qmf.content"), str(count) if items else None]
    return " ".join(word for word in words if word)


async def test_the_python_console_has_the_schema_of_every_object_and_event(bus: Any, on_bus: OnBus) -> None:
    """Its own sequence: ids of classes, objects, and for each class that it does not know yet a version 1 request."""
    v1 = next(request for request in REQUESTS if not request.opcode)
    ids = next(request for request in REQUESTS if request.body == {"_what": "SCHEMA_ID"})

    def converse(qpidd: Qpidd) -> None:
        qpidd.pass_on(ids)
        _, schema_ids = qpidd.received(ids)
        for sequence, each in enumerate(schema_ids, 1):
            assert set(each) == {"_package_name", "_class_name", "_hash", "_type"}
            qpidd.pass_on(v1, request_bytes(SchemaId.from_map(each), sequence))
            amqp, body = qpidd.received(v1)
            assert (amqp.address, amqp.content_type) == (AMQ_DIRECT, "x-application/qmf")
            assert amqp.properties == {"qmf.agent": PYLAB}
            read = Reader(body).schema()
            assert (read["sequence"], read["name"], read["hash"]) == (sequence, each["_class_name"], each["_hash"])

    await with_qpidd(bus, on_bus, converse)


async def test_a_version_1_request_that_is_none_is_no_trouble(bus: Any, on_bus: OnBus) -> None:
    v1 = next(request for request in REQUESTS if not request.opcode)
    locate = REQUESTS[0]

    def converse(qpidd: Qpidd) -> None:
        for body in (b"AM2", b"AM2S", b"AM2G" + struct.pack(">I", 5), b"AM2S\0\0\0\1\x03abc\x03abc" + bytes(16)):
            qpidd.pass_on(v1, body)
        assert answered(qpidd, locate) == "_agent_locate_response"

    await with_qpidd(bus, on_bus, converse)
