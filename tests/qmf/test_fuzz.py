"""Whatever decoded body a peer sends, agent and console raise nothing and end a request at most once."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qmfagent.qmf.agent import Agent, MethodCall
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import MethodAnswer, QueryAnswer, RequestFailed
from qmfagent.qmf.message import Address, Message

NOW = 1_795_487_610_000_000_000
PEER = "v:p:i"

KEYS = st.sampled_from(
    [
        "_what",
        "_where",
        "_object_id",
        "_object_name",
        "_agent_name",
        "_agent_epoch",
        "_schema_id",
        "_class_name",
        "_package_name",
        "_type",
        "_hash",
        "_method_name",
        "_arguments",
        "_values",
        "_name",
        "_epoch",
        "_severity",
        "error_text",
        "ticket",
    ]
)
WORDS = st.sampled_from(
    ["OBJECT", "OBJECT_ID", "SCHEMA", "Node", "Site:north", "plan", "eq", "and", "name", "quote", "_event", PEER]
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.uuids()
BODIES = st.recursive(
    SCALARS | st.binary(max_size=4) | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)
METHODS = st.sampled_from(["request", "response", "indication", ""])
REQUESTS = st.sampled_from(
    ["_query_request", "_method_request", "_agent_locate_request", "_subscribe_request", "_exception", ""]
)
ANSWERS = st.sampled_from(
    [
        "_query_response",
        "_method_response",
        "_exception",
        "_data_indication",
        "_agent_heartbeat_indication",
        "_agent_locate_response",
        "_query_request",
        "",
    ]
)
CONTENTS = st.sampled_from(["", "_data", "_event", "_schema", "_schema_id", "_object_id"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(opcode=REQUESTS, method=METHODS, body=BODIES)
def test_the_agent(agent: Agent, opcode: str, method: str, body: Any) -> None:
    to, reply_to = Address("qmf.default.direct", agent.name), Address("qmf.default.topic", "direct-console.1")
    result = agent.receive(Message(to, opcode, method, body, correlation_id="1", reply_to=reply_to), "", NOW)
    assert sum(isinstance(item, MethodCall) or not item.partial for item in result) <= 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(opcode=ANSWERS, content=CONTENTS, body=BODIES, partial=st.booleans())
def test_the_console(console: Console, opcode: str, content: str, body: Any, partial: bool) -> None:
    cid, _ = console.query_objects(PEER, "Node")
    message = Message(console.reply_to, opcode, "response", body, content, PEER, cid, partial=partial)
    events = console.receive(message, 0.0)
    assert sum(isinstance(event, (QueryAnswer, MethodAnswer, RequestFailed)) for event in events) <= 1
    console.age(1e9)
