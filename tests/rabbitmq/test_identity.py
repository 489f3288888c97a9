"""Who asks, at RabbitMQ: nobody can be taken for somebody else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pika
import proton
import pytest

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.security.identity import ANONYMOUS
from qmfagent.errors import ConnectionLost
from qmfagent.qmf.message import DIRECT, TOPIC, Address
from tests.rabbitmq.conftest import WAIT
from tests.sites.buses import ANYBODY

PROPERTIES, APPLICATION_PROPERTIES = "x-amqp-1.0-properties", "x-amqp-1.0-app-properties"
ROUTE = "direct-agent.route.1"
EMPTY_LIST = bytes.fromhex("0000000400000000")


def sections(user: str) -> dict[str, bytes]:
    """The sections of an AMQP 1.0 message that claims to be from `user`, as the plugin puts them into headers."""
    message = proton.Message(inferred=True, body=b"", subject=ROUTE, content_type="amqp/list")
    message.user_id = user.encode()
    message.properties = {"qmf.opcode": "_x"}
    encoded = bytes(message.encode())
    begins = [encoded.index(bytes([0, 0x53, code])) for code in (0x73, 0x74, 0x75)]
    return {
        PROPERTIES: encoded[begins[0] : begins[1]],
        APPLICATION_PROPERTIES: encoded[begins[1] : begins[2]],
    }


async def test_an_agent_knows_who_asks(at: Any, request_of: Any) -> None:
    _, requests = await at.agent()
    console, _ = await at.connect("console")
    for to in (Address(TOPIC, ROUTE), Address(DIRECT, "clusterlabs.org:qmfagent:sitea")):
        await console.send(request_of(to=to))
        message, identity = await requests.next()
        assert (identity.user, identity.authenticated, message.user_id) == ("console", True, "console")
        assert (message.to, message.body, message.correlation_id) == (to, {"n": 1}, "7")


async def test_a_forged_user_id_is_refused_by_the_broker_and_never_reaches_the_agent(at: Any, request_of: Any) -> None:
    _, requests = await at.agent()
    console, _ = await at.connect("console")
    with pytest.raises(ConnectionLost, match="user_id property set to 'siteb' but authenticated user was 'console'"):
        await console.send(request_of(user_id="siteb"))
    await console.wait_up(WAIT)
    await console.send(request_of())
    assert (await requests.next())[1].user == "console"
    assert requests.empty()


async def test_a_user_id_that_is_forged_over_amqp_0_9_1_is_not_believed(at: Any, channel_of: Any) -> None:
    """The broker compares the property of AMQP 0-9-1 alone, and gives AMQP 1.0 receivers what a header holds."""
    _, requests = await at.agent()
    _, fooled = await at.connect(ANYBODY, addresses=[Address(TOPIC, ROUTE)])
    forged = pika.BasicProperties(headers=sections("siteb"), type="binary")
    channel_of("console").basic_publish(TOPIC, ROUTE, EMPTY_LIST, forged)
    message, identity = await requests.next()
    assert (identity.user, identity.authenticated, message.user_id) == (ANONYMOUS, False, ANONYMOUS)
    assert (await fooled.next()).user_id == "siteb", "why requests are not received over AMQP 1.0"


async def test_a_client_of_amqp_0_9_1_can_ask_and_is_known(at: Any, channel_of: Any) -> None:
    _, requests = await at.agent()
    properties = pika.BasicProperties(
        headers={"qmf.opcode": "_x", "method": "request"},
        content_type="amqp/list",
        correlation_id="9",
        reply_to=f"{DIRECT}/me",
        user_id="console",
    )
    channel_of("console").basic_publish(TOPIC, ROUTE, EMPTY_LIST, properties)
    message, identity = await requests.next()
    assert (identity.user, message.opcode, message.body) == ("console", "_x", [])
    assert (message.correlation_id, message.reply_to) == ("9", Address(DIRECT, "me"))


async def test_what_claims_to_be_from_the_agent_itself_is_dropped(
    at: Any, request_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    _, requests = await at.agent()
    console, _ = await at.connect()
    await console.send(request_of(agent="clusterlabs.org:qmfagent:sitea"))
    await console.send(request_of(correlation_id="8"))
    assert (await requests.next())[0].correlation_id == "8"
    assert "claims to be from this agent" in caplog.text


async def test_nonsense_in_the_queue_ends_nothing(at: Any, channel_of: Any, request_of: Any) -> None:
    _, requests = await at.agent()
    channel = channel_of("console")
    for headers in ({PROPERTIES: b"\xff\xff"}, {}, {"qmf.opcode": [1, {"a": None}]}, {APPLICATION_PROPERTIES: 7}):
        channel.basic_publish(TOPIC, ROUTE, b"\0" * 40, pika.BasicProperties(headers=headers))
    console, _ = await at.connect()
    await console.send(request_of())
    assert (await requests.next())[1].user == "console"


async def test_who_is_not_admitted_is_told_so(at: Any, request_of: Any, answer_to: Any) -> None:
    refused = []
    _, requests = await at.agent(
        admit=lambda identity: identity.user == "siteb", on_refused=lambda *args: refused.append(args)
    )
    console, _ = await at.connect()
    other, _ = await at.connect("siteb")
    await console.send(request_of())
    await other.send(request_of())
    assert (await requests.next())[1].user == "siteb"
    ((message, refusal),) = refused
    assert (message.user_id, refusal.reason) == ("console", "forbidden")


async def test_a_request_that_is_too_large_is_refused_and_not_read(at: Any, request_of: Any) -> None:
    refused: list[Any] = []
    _, requests = await at.agent(
        limits=replace(Limits(), request_bytes=1000), on_refused=lambda *args: refused.append(args)
    )
    console, _ = await at.connect()
    await console.send(request_of(body={"x": "y" * 1000}))
    await console.send(request_of())
    await requests.next()
    assert [refusal.reason for _, refusal in refused] == ["too-large"]
