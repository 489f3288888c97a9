"""What the QMF tests share: the captured messages of real peers, a view of types on the wire, and an agent that is
joined to a console by a link over which every body travels encoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from qmfagent.qmf import schema as schema_module
from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.codec import decode_list, decode_map, encode_list, encode_map
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import ConsoleEvent
from qmfagent.qmf.data import Data
from qmfagent.qmf.message import Address, Message
from qmfagent.qmf.schema import Schema

CAPTURES = Path(__file__).parent / "captures"
SCHEMA_XML = Path(__file__).parent / "schema.xml"
NOW = 1_795_487_610_000_000_000
ROUTE = UUID("9b679a98-0d12-4d85-ba69-137bdbc4c8a6")

_AMQP_NUMBERS = dict.fromkeys(("ubyte", "ushort", "uint", "ulong", "byte", "short", "int32", "char"), int)


def _text(value: Any) -> Any:
    """What the bus makes of an amqp-value body: binary that is UTF-8 becomes text."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, dict):
        return {key: _text(item) for key, item in value.items()}
    return [_text(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Capture:
    """One captured message: `raw` is the body in AMQP 0-10 form (None where it was an amqp-value), `message` the
    message as the bus gives it, its body decoded by the one who captured it."""

    raw: bytes | None
    message: Message


def _capture(record: dict[str, Any]) -> Capture:
    properties = record["application_properties"]
    expected = record.get("body_decoded_as_0_10", record["body"])
    message = Message(
        to=Address(record.get("to", "qmf.default.topic"), record["subject"]),
        opcode=properties["qmf.opcode"],
        method=properties["method"],
        body=_text(expected),
        content=properties.get("qmf.content", ""),
        agent=properties.get("qmf.agent", ""),
        correlation_id=record.get("correlation_id"),
        reply_to=Address.parse(record["reply_to"]) if "reply_to" in record else None,
        partial="partial" in properties,
    )
    return Capture(record["body"] if isinstance(record["body"], bytes) else None, message)


def load_captures(name: str) -> list[Capture]:
    """The messages of one capture file, which are Python literals but for the names of AMQP's numbers."""
    records = re.split(r"\n\n(?=\{)", (CAPTURES / name).read_text().strip())
    return [_capture(eval(record, {"__builtins__": {}, "UUID": UUID, **_AMQP_NUMBERS})) for record in records]


ALL_CAPTURES = [
    pytest.param(capture, id=f"{path.stem}-{number}")
    for path in sorted(CAPTURES.glob("op_*.txt"))
    for number, capture in enumerate(load_captures(path.name))
]


@pytest.fixture
def captures() -> Callable[[str], list[Capture]]:
    """Loads the messages of one capture file by its name."""
    return load_captures


@pytest.fixture(params=ALL_CAPTURES)
def capture(request: pytest.FixtureRequest) -> Capture:
    """Each captured message in turn."""
    return request.param


@pytest.fixture(params=[param for param in ALL_CAPTURES if param.values[0].raw is not None])
def raw_capture(request: pytest.FixtureRequest) -> Capture:
    """Each captured message whose body was in AMQP 0-10 form."""
    return request.param


def wire_types(data: bytes, position: int = 0, keyed: bool = True) -> Any:
    """The type codes in an encoded map (or list): nested dicts (lists) that have a code where a value was."""
    widths = {0x02: 1, 0x08: 1, 0x21: 4, 0x22: 4, 0x31: 8, 0x32: 8, 0x33: 8, 0x48: 16, 0xF0: 0}
    count = struct.unpack_from(">I", data, position + 4)[0]
    position += 8
    result: list[tuple[str, Any]] = []
    for _ in range(count):
        key = ""
        if keyed:
            start = position + 1
            position = start + data[position]
            key = data[start:position].decode()
        code = data[position]
        position += 1
        if code in (0xA8, 0xA9):
            result.append((key, wire_types(data, position, code == 0xA8)))
            position += 4 + struct.unpack_from(">I", data, position)[0]
        else:
            result.append((key, code))
            heads = {0x90: ">H", 0x95: ">H", 0xA0: ">I"}
            if code in heads:
                position += struct.calcsize(heads[code]) + struct.unpack_from(heads[code], data, position)[0]
            else:
                position += widths[code]
    return dict(result) if keyed else [item for _, item in result]


@pytest.fixture
def types_on_wire() -> Callable[[bytes | dict[str, Any] | list[Any]], Any]:
    """Gives the type codes of a body, encoded or not."""

    def types(body: bytes | dict[str, Any] | list[Any]) -> Any:
        if isinstance(body, bytes):
            return wire_types(body, keyed=body[8] != 0xA8)
        return wire_types(encode_map(body)) if isinstance(body, dict) else wire_types(encode_list(body), keyed=False)

    return types


@pytest.fixture(scope="session")
def schema() -> Schema:
    """A schema like the project's own."""
    return schema_module.load(SCHEMA_XML.read_bytes())


@dataclass
class Objects:
    """An ObjectSource over a list. It is asked for no class but those that the schema has."""

    items: list[Data] = field(default_factory=list)

    def objects(self, class_name: str) -> list[Data]:
        assert class_name in ("Site", "Ticket", "Resource", "Node", "Constraint", "Replica")
        return [item for item in self.items if item.class_name == class_name]

    def find(self, object_name: str) -> Data | None:
        return next((item for item in self.items if item.object_id.object_name == object_name), None)


@pytest.fixture
def node(schema: Schema) -> Callable[..., Data]:
    """Makes a Node object."""

    def make(name: str, online: bool = True, **timestamps: int) -> Data:
        values = {"name": name, "site": "north", "id": "1", "online": online, "standby": False}
        return Data.of(schema.object_class("Node"), f"Node:{name}", values, **timestamps)

    return make


@pytest.fixture
def objects(schema: Schema, node: Callable[..., Data]) -> Objects:
    """A site and three nodes."""
    site = {
        "name": "north",
        "hostname": "n1",
        "cib_version": "0.5.2",
        "validate_with": "pacemaker-3.9",
        "connected": True,
        "source": "file",
        "peers": [{"site": "south", "url": "amqp://south", "connected": True}],
        "resources": 4,
        "config_changes": 2,
    }
    return Objects(
        [
            Data.of(schema.object_class("Site"), "Site:north", site),
            node("n1"),
            node("n2", online=False),
            node("n10"),
        ]
    )


@pytest.fixture
def agent(schema: Schema, objects: Objects) -> Agent:
    """An agent of that site, which puts at most two items in a message."""
    return Agent(
        "clusterlabs.org",
        "qmfagent",
        "north",
        schema=schema,
        source=objects,
        attributes={"site": "north"},
        heartbeat_interval=10,
        schema_updated=NOW,
        route=ROUTE,
        chunk=2,
    )


@pytest.fixture
def console() -> Console:
    """A console that knows no agent yet."""
    return Console(UUID("39808027-86c2-4bad-97f8-fe2612efe2d7"))


def over_the_link(message: Message) -> Message:
    """The message as it arrives: its body encoded and decoded."""
    if isinstance(message.body, dict):
        return replace(message, body=decode_map(encode_map(message.body)))
    return message if message.body is None else replace(message, body=decode_list(encode_list(message.body)))


@dataclass
class Link:
    """Joins one console and one agent, which sees the console as `identity`."""

    agent: Agent
    console: Console
    identity: str = "operator"
    run: Callable[[MethodCall], Message] | None = None

    def ask(self, message: Message) -> list[ConsoleEvent]:
        """Carry a message of the console to the agent, and what the agent says to it back."""
        events: list[ConsoleEvent] = []
        for answer in self.agent.receive(over_the_link(message), self.identity, NOW):
            if isinstance(answer, MethodCall):
                assert self.run is not None, "no method call was expected"
                answer = self.run(answer)
            events += self.tell(answer)
        return events

    def tell(self, message: Message) -> list[ConsoleEvent]:
        """Carry a message of the agent to the console."""
        return self.console.receive(over_the_link(message), 0.0)


@pytest.fixture
def link(agent: Agent, console: Console) -> Link:
    """The agent and the console, joined."""
    return Link(agent, console)
