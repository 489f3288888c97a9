"""Hypothesis strategies of QMF messages: real requests with anything in the place of anything, and what never was one.

Rules of this file: a `Spec` is what a peer sends; `encode` makes bytes of it. What is drawn stays small; size is the affair of
a few values that are large at once.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import proton
from hypothesis import reject
from hypothesis import strategies as st

from qmfagent.errors import CodecError
from qmfagent.qmf.codec import encode_list, encode_map
from qmfagent.qmf.message import DIRECT, TOPIC
from tests.fuzz.target import NAME, SITE

OPCODES = [
    "_query_request",
    "_method_request",
    "_agent_locate_request",
    "_subscribe_request",
    "_subscribe_cancel_indication",
    "_query_response",
    "_exception",
    "_data_indication",
    "_agent_heartbeat_indication",
    "_x",
    "",
    "\x00\n",
    "o" * 70_000,
]

OBJECT_IDS: list[dict[str, Any]] = [
    {"_object_name": name, "_agent_name": NAME, "_agent_epoch": 1}
    for name in (
        f"Site:{SITE}",
        "Ticket:T",
        "Resource:vip",
        "Node:n1",
        "Constraint:ticket-vip",
        "Replica:T:siteb",
        "none",
    )
]
SCHEMA_IDS: list[dict[str, Any]] = [
    {"_package_name": "org.clusterlabs.qmfagent", "_class_name": name, "_type": kind}
    for name, kind in (("Ticket", "_data"), ("Resource", "_data"), ("applied", "_event"), ("none", "_data"))
]
WHERES: list[list[Any]] = [
    [],
    ["eq", "name", ["quote", "T"]],
    ["and", ["not", ["exists", "granted"]], ["lt", "changes", 5], ["true"]],
    ["re_match", "name", ["quote", "T.*"]],
]
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("query", {"path": "/cib/configuration"}),
    ("publication", {"ticket": "T"}),
    ("plan", {"ticket": "T", "adopt": False}),
    ("apply", {"token": "t"}),
    ("grant", {}),
    ("standby", {}),
    ("replicate_now", {}),
    ("none", {}),
]
BODIES: list[tuple[str, Any]] = [
    *(("_query_request", {"_what": "OBJECT", "_object_id": item}) for item in OBJECT_IDS),
    *(("_query_request", {"_what": "OBJECT", "_schema_id": item, "_where": w}) for item in SCHEMA_IDS for w in WHERES),
    *(("_query_request", {"_what": "SCHEMA", "_schema_id": item}) for item in SCHEMA_IDS),
    ("_query_request", {"_what": "SCHEMA_ID"}),
    ("_query_request", {"_what": "OBJECT_ID", "_schema_id": SCHEMA_IDS[0]}),
    *(
        ("_method_request", {"_object_id": item, "_method_name": name, "_arguments": arguments})
        for item in OBJECT_IDS
        for name, arguments in CALLS
    ),
    ("_agent_locate_request", []),
    ("_agent_locate_request", ["eq", "_vendor", ["quote", NAME.partition(":")[0]]]),
    ("_subscribe_request", {"_what": "OBJECT", "_schema_id": SCHEMA_IDS[0], "_interval": 1, "_duration": 1}),
]


def nested(depth: int, key: str | None = None) -> Any:
    """A list in a list in a list; or maps, with that key."""
    value: Any = 1
    for _ in range(depth):
        value = [value] if key is None else {key: value}
    return value


_LARGE: list[Any] = [
    "x" * 300,
    "é" * 70_000,
    b"\xff" * 70_000,
    "\n\x1b[2J" * 100,
    "/" * 65_535,
    "9" * 5000,
    "(a*)*" * 50,
    ["x"] * 2000,
    {f"k{n}": n for n in range(500)},
    ["and", *[["true"]] * 1100],
    ["eq", ["quote", nested(40)], "name"],
    nested(40),
    nested(40, "not"),
    nested(300),
    nested(300, "_values"),
    ["not"] * 3,
]
LARGE = st.integers(0, len(_LARGE) - 1).map(_LARGE.__getitem__)
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 2**31, 2**32, 2**63 - 1, -(2**63), float("nan"), float("inf"), 1e308])
    | st.just(proton.ulong(2**64 - 1))
    | st.uuids()
    | st.text(max_size=4)
    | st.binary(max_size=4)
)
ODD = st.recursive(
    SCALARS | LARGE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at a path."""
    if not path:
        return new
    changed = deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


@dataclass(frozen=True)
class Spec:
    """What a peer sends. `reply_to` None is the peer's own reply node; `target` is None for the anonymous relay."""

    target: str | None
    subject: str
    opcode: str
    method: str
    body: Any
    form: str
    content_type: str
    reply_to: str | None
    correlation_id: Any
    properties: dict[str, Any]

    def encode(self, own_reply: str) -> bytes:
        """The message's bytes."""
        message = proton.Message(inferred=self.form != "value", properties=self.all_properties)
        message.address, message.subject = f"{DIRECT}/{self.subject}", self.subject
        message.reply_to = own_reply if self.reply_to is None else self.reply_to
        message.correlation_id = self.correlation_id
        message.content_type = self.content_type
        message.body = self.body if self.form == "value" else _data(self.body, self.form)
        return bytes(message.encode())

    @property
    def all_properties(self) -> dict[str, Any]:
        """The application properties."""
        return {"qmf.opcode": self.opcode, "method": self.method, **self.properties}

    @property
    def due(self) -> bool:
        """Whether the agent owes the peer exactly one answer, once it has taken the message."""
        properties = self.all_properties
        answered = properties["qmf.opcode"] != "_agent_locate_request" and properties["method"] == "request"
        return answered and self.reply_to is None and self.subject == NAME and self.target != TOPIC


class Sendable(Protocol):
    """What a peer can send."""

    def encode(self, own_reply: str) -> bytes:
        """The message's bytes, with the address of the peer's own reply node."""


S = TypeVar("S", bound=Sendable)


def _data(body: Any, form: str) -> bytes:
    if form == "nothing":
        return b""
    try:
        encoded = (
            encode_list(body) if isinstance(body, list) else encode_map(body if isinstance(body, dict) else {"": body})
        )
    except CodecError:
        encoded = bytes(8)
    return encoded if form == "data" else encoded[:-3] + b"\xa8\xff"


ODD_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "target": st.sampled_from([TOPIC, None]),
    "subject": st.sampled_from(["broker", "console.request.agent_locate", "x", "", "." * 300, "s" * 65_536]),
    "opcode": st.sampled_from(OPCODES),
    "method": st.sampled_from(["response", "indication", "", "REQUEST", "m" * 70_000]),
    "form": st.sampled_from(["value", "nothing", "damaged"]),
    "content_type": st.sampled_from(["amqp/map", "amqp/list", "text/plain", "", "x-application/qmf"]),
    "reply_to": st.sampled_from(
        [
            "",
            "nowhere/x",
            DIRECT,
            f"{DIRECT}/{NAME}",
            f"{DIRECT}/broker",
            f"{TOPIC}/console.request.agent_locate",
            f"{TOPIC}/console.#",
            "/",
            "///",
            "n" * 65_536,
            f"{TOPIC}/" + "s." * 32_768,
            "amq.direct/x\ny",
            "$management",
        ]
    ),
    "correlation_id": st.sampled_from([None, b"\xff\x00", proton.ulong(2**64 - 1), "c" * 70_000, "\x00\n", ""])
    | st.uuids(),
    "properties": st.dictionaries(
        st.sampled_from(["qmf.agent", "qmf.content", "partial", "traceparent", "method", "qmf.opcode", "other"]),
        st.sampled_from(["", "x", NAME, 5, b"\xff", None, "00-" + "1" * 32, 1.5, "y" * 70_000]),
        min_size=1,
        max_size=2,
    ),
}


def sendable(message: S) -> S:
    """The message, where proton can send it: its values have at most 65,535 parts."""
    try:
        message.encode("reply")
    except proton.ProtonException:
        reject()
    return message


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A real request, up to two places of whose body, and up to two of whose other fields, hold something else."""
    opcode, body = draw(st.sampled_from(BODIES))
    for _ in range(draw(st.integers(0, 2))):
        body = put(body, draw(st.sampled_from(places(body))), draw(ODD))
    fields: dict[str, Any] = {
        "target": DIRECT,
        "subject": NAME,
        "opcode": opcode,
        "method": "request",
        "body": body,
        "form": "data",
        "content_type": "amqp/list" if isinstance(body, list) else "amqp/map",
        "reply_to": None,
        "correlation_id": "1",
        "properties": {},
    }
    for name in draw(st.lists(st.sampled_from(list(ODD_FIELDS)), max_size=2)):
        fields[name] = draw(ODD_FIELDS[name])
    return sendable(Spec(**fields))
