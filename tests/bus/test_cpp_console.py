"""A console of qpid's C++ library, replayed from its recorded messages, against a real agent on a real listener."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import proton
from proton.utils import BlockingConnection

from qmfagent.bus.listener.listener import AMQ_DIRECT
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.codec import encode_map
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import DIRECT, TOPIC
from qmfagent.qmf.schema import Schema
from tests.bus.foreign import WAIT, Methods, Objects, Results, connected, content, put_on_bus, shape, subject
from tests.qmf.conftest import Capture, load_captures

GIZMO = "profitron.com:gizmo:6345a0e9-7199-45f7-a822-3f050747064e"

GIZMO_SCHEMA = b"""<schema package="com.profitron.gizmo">
<class name="child"><property name="name" type="sstr"/></class>
<class name="control"><property name="state" type="sstr"/><property name="methodCount" type="uint32"/>
  <method name="stop" desc="Stop Agent"><arg name="message" type="sstr" dir="I"/></method>
  <method name="echo" desc="Echo Arguments"><arg name="sequence" type="uint32" dir="IO"/>
    <arg name="map" type="map" dir="IO"/></method>
  <method name="event" desc="Raise an Event"><arg name="text" type="sstr"/><arg name="severity" type="uint32"/></method>
  <method name="fail" desc="Expected to Fail"><arg name="useString" type="bool"/><arg name="stringVal" type="sstr"/>
    <arg name="details" type="map"/></method>
  <method name="create_child" desc="Create Child Object"><arg name="name" type="sstr"/>
    <arg name="childAddr" type="map" dir="O"/></method></class>
<eventArguments><arg name="text" type="sstr"/></eventArguments><event name="event" sev="emerg" args="text"/>
</schema>"""


def gizmo(schema: Schema) -> Objects:
    """What the agent had that the console's messages were recorded with."""
    control = {"state": "OPERATIONAL", "methodCount": 0}
    return Objects([Data.of(schema.object_class("control"), "singleton", control)])


def methods(schema_of: list[Schema]) -> Methods:
    """What its methods did."""

    def create_child(objects: Objects, arguments: Results) -> Results:
        name = arguments["name"]
        objects.items.append(Data.of(schema_of[0].object_class("child"), name, {"name": name}))
        return {"childAddr": {"_object_name": name, "_agent_name": GIZMO}}

    def fail(objects: Objects, arguments: Results) -> Results:
        raise ValueError(arguments["stringVal"])

    return {
        "echo": lambda objects, arguments: arguments,
        "event": lambda objects, arguments: {},
        "fail": fail,
        "create_child": create_child,
    }


class CppConsole:
    """A console of the C++ library: its links in its order, and the messages that it was recorded to send."""

    def __init__(self, connection: BlockingConnection) -> None:
        self.key = f"direct-console.{uuid4()}"
        attach = connection.create_receiver
        self._answers = attach(TOPIC, name=f"{TOPIC}_{uuid4()}", options=subject(self.key))
        self._told = attach(TOPIC, name=f"{TOPIC}_{uuid4()}", options=subject("agent.#"))
        attach(AMQ_DIRECT, name=f"{AMQ_DIRECT}_{uuid4()}", options=subject(self.key))
        connection.create_sender(DIRECT, name=f"{DIRECT}_{uuid4()}")
        self._topic = connection.create_sender(TOPIC, name=f"{TOPIC}_{uuid4()}")
        self._connection = connection

    def locate_broker(self) -> None:
        """The locate that goes to the name "broker" on a link of its own, without body or content-type."""
        link = self._connection.create_sender(DIRECT, name=f"{DIRECT}_{uuid4()}")
        properties = {"method": "request", "qmf.opcode": "_agent_locate_request", "x-amqp-0-10.app-id": "qmf2"}
        link.send(
            proton.Message(
                subject="broker",
                correlation_id="broker-locate",
                reply_to=f"{TOPIC}/{self.key}",
                properties=properties,
            )
        )
        link.close()

    def send(self, capture: Capture, **changes: Any) -> None:
        """Send a recorded message; its body is the recorded bytes unless it is changed."""
        message = capture.message
        opcode = {"method": message.method, "qmf.opcode": message.opcode, "x-amqp-0-10.app-id": "qmf2"}
        amqp = proton.Message(
            inferred=True,
            body=changes.get("body", capture.raw),
            content_type="amqp/list" if isinstance(message.body, list) else "amqp/map",
            subject=message.to.subject,
            correlation_id=message.correlation_id,
            reply_to=f"{TOPIC}/{self.key}",
            properties=opcode,
        )
        if message.opcode != "_agent_locate_request":
            amqp.user_id = b"anonymous"
        self._topic.send(amqp)

    def answer(self) -> proton.Message:
        return self._answers.receive(timeout=self._connection.timeout)

    def told(self) -> proton.Message:
        return self._told.receive(timeout=WAIT)


def recorded(*names: str) -> dict[str, Capture]:
    """Recorded messages by their correlation ids."""
    return {c.message.correlation_id or "": c for name in names for c in load_captures(f"op_{name}.cpp.txt")}


async def test_it_attaches_locates_queries_calls_and_is_told(bus: Any) -> None:
    schemas: list[Schema] = []
    on_bus = await put_on_bus(bus, GIZMO, GIZMO_SCHEMA, gizmo, methods(schemas), broker=True)
    schemas.append(on_bus.agent.schema)

    def converse() -> None:
        with connected(bus.url) as connection:
            console = CppConsole(connection)
            console.locate_broker()
            located = console.answer()
            assert (located.correlation_id, located.properties["qmf.agent"]) == ("broker-locate", GIZMO)
            (theirs,) = load_captures("op_agent_locate_response.cpp.txt")
            assert shape(content(located)) == shape(theirs.message.body)
            console.send(load_captures("op_agent_locate_request.cpp.txt")[0])
            assert console.answer().correlation_id == "agent-locate"
            requests = recorded("query_request", "method_request")
            for cid in sorted(requests, key=int):
                ask(console, on_bus.agent, requests[cid])
            event = on_bus.agent.event("event", {"text": "hello event"}, time.time_ns())
            loop.call_soon_threadsafe(on_bus.listener.send, event)
            (theirs,) = load_captures("op_data_indication._event.cpp.txt")
            assert shape(content(console.told())) == shape(theirs.message.body)

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(converse)


RESPONSES = recorded(
    "query_response._schema_id",
    "query_response._schema",
    "query_response._data",
    "method_response",
    "exception._data",
)


def ask(console: CppConsole, agent: Agent, request: Capture) -> None:
    """Send one recorded request; its answer has the properties and the form of the recorded one."""
    body = dict(request.message.body)
    changes = {}
    if body.get("_what") == "SCHEMA":
        # The hashes are ours; everything else goes as it was recorded, byte for byte.
        body["_schema_id"] = agent.schema.object_class(body["_schema_id"]["_class_name"]).id.to_map()
        changes["body"] = encode_map(body)
    console.send(request, **changes)
    answer, theirs = console.answer(), RESPONSES[request.message.correlation_id or ""]
    assert answer.correlation_id == request.message.correlation_id
    assert "partial" not in answer.properties
    expected = {"method": "response", "qmf.opcode": theirs.message.opcode, "qmf.agent": GIZMO}
    if theirs.message.content:
        expected["qmf.content"] = theirs.message.content
    assert answer.properties == {**expected, "x-amqp-0-10.app-id": "qmf2"}
    ours = content(answer)
    assert type(ours) is type(theirs.message.body)
    if theirs.message.opcode == "_exception":
        assert ours["_values"].keys() == {"error_text", "error_code"}
    else:
        assert shape(ours) == shape(comparable(theirs.message.body))


def comparable(body: Any) -> Any:
    """What our agent is to answer alike: without epochs, since its objects outlive it, and without a class that only the
    recorded agent had, for exceptions of its own."""
    if isinstance(body, dict):
        return {key: comparable(item) for key, item in body.items() if key != "_agent_epoch"}
    if isinstance(body, list):
        return [
            comparable(item) for item in body if not (isinstance(item, dict) and item.get("_class_name") == "exception")
        ]
    return body


async def test_where_there_is_a_broker_the_agent_does_not_answer_for_it(bus: Any) -> None:
    await put_on_bus(bus, GIZMO, GIZMO_SCHEMA, gizmo, {}, broker=False)

    def converse() -> None:
        with connected(bus.url) as connection:
            console = CppConsole(connection)
            console.locate_broker()
            # Answers come in the order of their requests: the first one is to this.
            console.send(load_captures("op_agent_locate_request.cpp.txt")[0])
            assert console.answer().correlation_id == "agent-locate"

    await asyncio.to_thread(converse)
