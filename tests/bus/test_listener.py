"""The listener among its own clients: fan-out, filters, requests and replies, identities, slow receivers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import proton
import pytest

from qmfagent.bus.limits.admission import Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.security.identity import ANONYMOUS, Identity
from qmfagent.errors import BusError, ConfigError, RemoteError, UnknownObject
from qmfagent.qmf.message import DIRECT, TOPIC, Address


async def test_a_message_reaches_the_subscribers_whose_filter_matches(bus: Any, inbox: Any, message: Any) -> None:
    listener = await bus.listen()
    every, heartbeats, mine = inbox(), inbox(), inbox()
    await bus.connect((Address(TOPIC, "agent.#"),), every)
    await bus.connect((Address(TOPIC, "agent.ind.heartbeat.*"),), heartbeats)
    await bus.connect((Address(TOPIC, "direct-console.1"), Address(DIRECT, "direct-console.1")), mine)
    for subject in ("agent.ind.event.x", "agent.ind.heartbeat.y", "direct-console.1", "unheard.of"):
        listener.send(message(subject))
    listener.send(message("direct-console.1", node=DIRECT))
    assert [(await every.get()).to.subject for _ in range(2)] == ["agent.ind.event.x", "agent.ind.heartbeat.y"]
    assert (await heartbeats.get()).to.subject == "agent.ind.heartbeat.y"
    assert {(await mine.get()).to.node for _ in range(2)} == {TOPIC, DIRECT}
    assert every.empty
    assert heartbeats.empty
    assert mine.empty


async def test_request_and_reply(bus: Any, echo: Any, inbox: Any, message: Any) -> None:
    await echo()
    answers = inbox()
    me = Address(TOPIC, "direct-console.1")
    client = await bus.connect((me,), answers)
    await client.send(
        message("echo", node=DIRECT, method="request", body={"ask": [1, "two"]}, correlation_id="9", reply_to=me)
    )
    answer = await answers.get()
    assert (answer.body, answer.correlation_id, answer.agent) == ({"ask": [1, "two"]}, "9", "echo")


async def test_foreign_peers_reach_each_other_and_the_agent(bus: Any, inbox: Any, message: Any) -> None:
    agent, foreign = inbox(), inbox()
    await bus.listen((Address(TOPIC, "console.#"),), agent)
    await bus.connect((Address(TOPIC, "console.#"),), foreign)
    client = await bus.connect()
    await client.send(message("console.request.agent_locate", user_id="root"))
    received, identity = await agent.get()
    assert (received.user_id, identity.user, identity.authenticated) == (ANONYMOUS, ANONYMOUS, False)
    assert identity.address.startswith("127.0.0.1:")
    assert (await foreign.get()).user_id == ANONYMOUS


async def test_the_agents_own_messages_do_not_come_back_to_it(bus: Any, inbox: Any, message: Any) -> None:
    agent, peer = inbox(), inbox()
    listener = await bus.listen((Address(TOPIC, "#"),), agent)
    await bus.connect((Address(TOPIC, "#"),), peer)
    listener.send(message("agent.ind.event"))
    await peer.get()
    assert agent.empty


async def test_no_peer_speaks_in_the_agents_name(bus: Any, inbox: Any, message: Any) -> None:
    listened = inbox()
    await bus.listen(agent="clusterlabs.org:qmfagent:a")
    await bus.connect((Address(TOPIC, "#"),), listened)
    client = await bus.connect()
    with pytest.raises(RemoteError, match="unauthorized-access"):
        await client.send(message("agent.ind.event", agent="clusterlabs.org:qmfagent:a"))
    await client.send(message("agent.ind.event", agent="clusterlabs.org:qmfagent:b"))
    assert (await listened.get()).agent == "clusterlabs.org:qmfagent:b"


async def test_a_subscriber_that_left_is_forgotten(bus: Any, inbox: Any, message: Any) -> None:
    listener = await bus.listen()
    client = await bus.connect((Address(TOPIC, "#"),))
    assert len(listener.router.route(TOPIC, "a")) == 1
    await client.stop()
    async with asyncio.timeout(30):
        while listener.router.route(TOPIC, "a"):
            await asyncio.sleep(0.01)


async def test_an_agent_that_fails_on_a_message_rejects_it_and_goes_on(bus: Any, inbox: Any, message: Any) -> None:
    calls = inbox()

    def fail(*args: Any) -> None:
        calls(*args)
        raise ZeroDivisionError

    await bus.listen((Address(DIRECT, "agent"),), fail)
    client = await bus.connect()
    for _ in range(2):
        with pytest.raises(RemoteError, match="internal-error"):
            await client.send(message("agent", node=DIRECT))
        await calls.get()
    assert client.connected


async def test_what_is_no_qmf_message_is_relayed_but_not_taken(bus: Any, inbox: Any) -> None:
    got, lost = inbox(), inbox()
    listener = await bus.listen((Address(TOPIC, "console.#"),), got)
    foreign = proton.Message(subject="console.x", body=b"none", inferred=True, content_type="x-application/qmf")
    data, sender, admission = bytes(foreign.encode()), Identity(), Admission(listener.limits)
    assert listener.publish(TOPIC, data, sender, admission).name == "amqp:decode-error"
    await bus.connect((Address(TOPIC, "console.#"),), on_down=lost)
    assert listener.publish(TOPIC, data, sender, admission) is None
    assert got.empty
    assert lost.empty


async def test_sending_to_a_node_that_does_not_exist(bus: Any, message: Any) -> None:
    listener = await bus.listen()
    with pytest.raises(UnknownObject, match="reply-gone"):
        listener.send(message("", node="reply-gone"))


async def test_a_message_of_many_frames(bus: Any, echo: Any, inbox: Any, message: Any) -> None:
    await echo(limits=replace(Limits(), request_bytes=2**23))
    answers = inbox()
    me = Address(TOPIC, "me")
    client = await bus.connect((me,), answers)
    body = {"xml": "<cib/>" * 500_000}
    await client.send(message("echo", node=DIRECT, method="request", body=body, reply_to=me))
    assert (await answers.get()).body == body


async def test_hundreds_of_connections_at_once(bus: Any, inbox: Any, message: Any) -> None:
    listener = await bus.listen()
    boxes = [inbox() for _ in range(150)]
    await asyncio.gather(*(bus.connect((Address(TOPIC, "agent.#"),), box) for box in boxes))
    listener.send(message("agent.x"))
    for box in boxes:
        assert (await box.get()).to.subject == "agent.x"


# -- where it listens ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["amqp://0.0.0.0:0", "amqp://[::]:0", "amqp://192.0.2.1:0"])
async def test_without_tls_nothing_but_loopback(url: str) -> None:
    with pytest.raises(ConfigError, match=r"without TLS.*`qmfagent certs`"):
        await Listener(url, on_message=lambda message, identity: None).start()


@pytest.mark.parametrize("url", ["amqp://localhost:0", "amqp://127.0.0.2:0"])
async def test_loopback_needs_no_tls(bus: Any, url: str) -> None:
    await bus.listen(url=url)
    assert (await bus.connect()).connected


async def test_a_port_in_use_is_a_bus_error(bus: Any) -> None:
    await bus.listen()
    with pytest.raises(BusError, match="can't listen at amqp://127"):
        await Listener(bus.url, on_message=lambda message, identity: None).start()


def test_url_and_tls_must_fit_together(ca: Any) -> None:
    with pytest.raises(ConfigError, match="needs TLS"):
        Listener("amqps://127.0.0.1:0", on_message=lambda message, identity: None)
    with pytest.raises(ConfigError, match="write amqps"):
        Listener("amqp://127.0.0.1:0", tls=ca.issue("x"), on_message=lambda message, identity: None)


# -- slow receivers ------------------------------------------------------------------------------------------------


async def test_a_receiver_that_does_not_read_is_cut_off_and_stalls_nobody(bus: Any, inbox: Any, message: Any) -> None:
    """The slow one stops reading its socket: its link overflows alone, and it hears that it has missed something."""
    listener = await bus.listen(limits=replace(Limits(), queue_messages=50, queue_bytes=2**20, window=2**16))
    brisk, lost = inbox(), inbox()
    await bus.connect((Address(TOPIC, "agent.#"),), brisk)
    # It hears no heartbeats either, and would give the connection up by itself.
    patient = replace(Limits(), idle_timeout=600.0)
    slow = await bus.connect((Address(TOPIC, "agent.#"),), on_down=lost, limits=patient)
    slow._uplink.engine._socket.pause_reading()
    sent = 0
    while len(listener.router.route(TOPIC, "agent.x")) == 2:
        listener.send(message("agent.x", body={"n": sent, "filler": "x" * 50_000}))
        assert (await brisk.get()).body["n"] == sent
        sent += 1
        assert sent < 2000
    slow._uplink.engine._socket.resume_reading()
    assert "resource-limit-exceeded" in await lost.get()
    await slow.wait_up(30)
    assert len(listener.router.route(TOPIC, "agent.x")) == 2


async def test_a_burst_waits_here_and_not_in_the_engine(bus: Any, inbox: Any, message: Any) -> None:
    window = 100_000
    listener = await bus.listen(limits=replace(Limits(), window=window))
    received = inbox()
    await bus.connect((Address(TOPIC, "#"),), received)
    for number in range(100):
        listener.send(message("agent.x", body={"n": number, "filler": "x" * 20_000}))
    (outlet,) = listener.router.route(TOPIC, "agent.x")
    assert outlet._session.outgoing_bytes < window + 30_000
    assert [(await received.get()).body["n"] for _ in range(100)] == list(range(100))


async def test_whether_anybody_receives_what_is_sent_to_an_address(bus: Any) -> None:
    listener = await bus.listen((Address(TOPIC, "agent.#"),))
    told = Address(TOPIC, "agent.ind.data.p.c")
    assert not listener.taken(told)
    assert not listener.taken(Address("elsewhere", "x"))
    connection = await bus.connect((Address(TOPIC, "agent.ind.data.#"),))
    assert listener.taken(told)
    assert not listener.taken(Address(TOPIC, "agent.ind.event.p.c"))
    await connection.stop()
    async with asyncio.timeout(30):
        while listener.taken(told):
            await asyncio.sleep(0.01)
