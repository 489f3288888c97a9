"""Plain proton clients, which know nothing of us, against the listener."""

from __future__ import annotations

import asyncio
from typing import Any

import proton
import pytest
from proton import Described, Message, symbol, ulong
from proton.reactor import AtMostOnce, Filter, LinkOption
from proton.utils import BlockingConnection, LinkDetached, SendException

from qmfagent.bus.listener.listener import AMQ_DIRECT
from qmfagent.qmf.message import DIRECT, RESPONSE, TOPIC, Address
from qmfagent.qmf.message import Message as QmfMessage
from tests.bus.foreign import WAIT

SPELLINGS = {
    "C++": (ulong(0x0000468C00000000), ulong(0x0000468C00000001)),
    "others": (
        symbol("apache.org:legacy-amqp-direct-binding:string"),
        symbol("apache.org:legacy-amqp-topic-binding:string"),
    ),
}


def subject(descriptor: Any, text: str) -> Filter:
    return Filter({symbol("subject-filter"): Described(descriptor, text)})


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("sasl", [True, False], ids=["ANONYMOUS", "no SASL layer"])
async def test_a_console_attaches_sends_and_receives(
    bus: Any, echo: Any, spelling: tuple[Any, Any], sasl: bool
) -> None:
    """The links of a C++ console, in its order; then one request."""
    listener = await echo()
    exact, pattern = spelling

    def console() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT, sasl_enabled=sasl)
        answers = connection.create_receiver(TOPIC, name="1", options=subject(exact, "direct-console.1"))
        events = connection.create_receiver(TOPIC, name="2", options=subject(pattern, "agent.#"))
        connection.create_receiver(AMQ_DIRECT, name="3", options=subject(exact, "direct-console.1"))
        direct = connection.create_sender(DIRECT, name="4")
        connection.create_sender(TOPIC, name="5")
        direct.send(
            Message(
                subject="echo",
                reply_to=f"{TOPIC}/direct-console.1",
                correlation_id="1",
                body={"a": b"text"},
                properties={"qmf.opcode": "_method_request", "method": "request"},
            )
        )
        answer = answers.receive(timeout=WAIT)
        assert (answer.subject, answer.correlation_id, answer.content_type) == ("direct-console.1", "1", "amqp/map")
        assert answer.properties["x-amqp-0-10.app-id"] == "qmf2"
        loop.call_soon_threadsafe(
            listener.send,
            QmfMessage(to=Address(TOPIC, "agent.ind.event.x"), opcode="_data_indication", method="indication", body=[]),
        )
        assert events.receive(timeout=WAIT).content_type == "amqp/list"
        connection.close()

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(console)


async def test_replies_to_a_dynamic_node(bus: Any, echo: Any) -> None:
    listener = await echo()

    def console() -> str:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        replies = connection.create_receiver(None, dynamic=True, name="replies")
        address = replies.link.remote_source.address
        sender = connection.create_sender(None, name="relay")
        request = {"qmf.opcode": "_query_request", "method": "request"}
        sender.send(Message(address=DIRECT, subject="echo", reply_to=address, body={"n": 1}, properties=request))
        assert replies.receive(timeout=WAIT).properties["method"] == RESPONSE
        sender.send(Message(address=address, body="from peer to peer"))
        assert replies.receive(timeout=WAIT).body == "from peer to peer"
        connection.close()
        return str(address)

    address = await asyncio.to_thread(console)
    async with asyncio.timeout(WAIT):
        while address in listener.router:
            await asyncio.sleep(0.01)


async def test_the_relay_takes_exchange_and_key_in_one(bus: Any) -> None:
    await bus.listen()

    def peer() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        receiver = connection.create_receiver(TOPIC, name="in", options=subject(SPELLINGS["C++"][0], "key.1"))
        relay = connection.create_sender(None, name="relay")
        relay.send(Message(address=f"{TOPIC}/key.1", body="x"))
        assert receiver.receive(timeout=WAIT).body == "x"
        with pytest.raises(SendException):
            relay.send(Message(address="nowhere", body="x"))
        connection.close()

    await asyncio.to_thread(peer)


async def test_a_topic_without_filter_gives_everything(bus: Any) -> None:
    await bus.listen()

    def peer() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        receiver = connection.create_receiver(TOPIC, name="in")
        connection.create_sender(TOPIC, name="out").send(Message(subject="any.thing"))
        assert receiver.receive(timeout=WAIT).subject == "any.thing"
        connection.close()

    await asyncio.to_thread(peer)


async def test_unknown_nodes_and_coordinators_are_refused(bus: Any) -> None:
    await bus.listen()

    class Coordinator(LinkOption):
        def apply(self, link: proton.Link) -> None:
            link.target.type = proton.Terminus.COORDINATOR

    def peer() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        with pytest.raises(LinkDetached, match="amqp:not-found"):
            connection.create_receiver("elsewhere", name="in")
        with pytest.raises(LinkDetached, match="amqp:not-found"):
            connection.create_sender("elsewhere", name="out")
        with pytest.raises(LinkDetached, match="amqp:not-implemented"):
            connection.create_sender(None, name="transactions", options=Coordinator())
        connection.create_sender(TOPIC, name="still works").send(Message())
        connection.close()

    await asyncio.to_thread(peer)


async def test_settled_messages_are_taken_too(bus: Any, inbox: Any) -> None:
    got = inbox()
    await bus.listen((Address(DIRECT, "agent"),), got)

    def peer() -> None:
        connection = BlockingConnection(bus.url, timeout=WAIT)
        sender = connection.create_sender(DIRECT, name="out", options=AtMostOnce())
        for index in range(500):
            properties = {"qmf.opcode": f"_{index}", "method": "indication"}
            sender.link.send(Message(subject="agent", properties=properties))
        connection.wait(lambda: sender.link.queued == 0)
        connection.close()

    await asyncio.to_thread(peer)
    assert [(await got.get())[0].opcode for _ in range(500)] == [f"_{index}" for index in range(500)]
