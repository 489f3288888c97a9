"""Receivers that ask for bodies in AMQP 1.0's own types get them; others, and what peers say to each other, are as ever."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import proton
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proton import Array, Described, symbol, ulong
from proton.reactor import Filter, ReceiverOption
from proton.utils import BlockingConnection

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.capabilities import AMQP_VALUE
from qmfagent.bus.messages.wire import Envelope, encode, encode_as_value
from qmfagent.qmf.codec import UInt32, UInt64
from qmfagent.qmf.message import TOPIC, Address, Message

WAIT = 5.0
EVERYTHING = Filter({symbol("subject"): Described(symbol("apache.org:legacy-amqp-topic-binding:string"), "#")})


class Capabilities(ReceiverOption):
    """Asks for capabilities as rhea, proton and others write them: one symbol, or an array."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def apply(self, link: proton.Receiver) -> None:
        link.source.capabilities.put_object(self.value)


def array(*names: str) -> Array:
    return Array(proton.UNDESCRIBED, proton.Data.SYMBOL, *map(symbol, names))


@pytest.mark.parametrize(
    ("asked", "as_value"),
    [
        (AMQP_VALUE, True),
        (array("queue", AMQP_VALUE), True),
        (array(), False),
        (symbol("topic"), False),
        (None, False),
    ],
)
async def test_who_asks_for_values_gets_them(bus: Any, message: Any, asked: Any, as_value: bool) -> None:
    listener = await bus.listen()
    loop = asyncio.get_running_loop()

    def receive() -> proton.Message:
        options = [EVERYTHING, *([] if asked is None else [Capabilities(asked)])]
        connection = BlockingConnection(bus.url, timeout=WAIT, sasl_enabled=False)
        try:
            receiver = connection.create_receiver(TOPIC, options=options)
            loop.call_soon_threadsafe(listener.send, message("agent.ind.event.x", body={"n": 1, "list": ["text"]}))
            return receiver.receive(WAIT)
        finally:
            connection.close()

    received = await asyncio.to_thread(receive)
    assert isinstance(received.body, dict) == as_value
    assert (received.content_type == "amqp/map") != as_value
    assert Envelope.of(received).message(Address(TOPIC), "").body == {"n": 1, "list": ["text"]}


async def test_what_was_missed_is_told_in_values_too(bus: Any, message: Any) -> None:
    limits = Limits(queue_messages=2)
    listener = await bus.listen(
        limits=limits, on_missed=lambda since, count: message("missed", body=[{"since": since, "count": count}])
    )
    loop = asyncio.get_running_loop()

    async def flood() -> None:
        for number in range(10):
            listener.send(message("agent.ind.event.x"), number)

    def receive() -> list[Any]:
        connection = BlockingConnection(bus.url, timeout=WAIT, sasl_enabled=False)
        try:
            receiver = connection.create_receiver(TOPIC, credit=0, options=[EVERYTHING, Capabilities(AMQP_VALUE)])
            asyncio.run_coroutine_threadsafe(flood(), loop).result(WAIT)
            receiver.flow(3)
            return [receiver.receive(WAIT).body for _ in range(3)]
        finally:
            connection.close()

    assert await asyncio.to_thread(receive) == [{"n": 1}, {"n": 1}, [{"since": 2, "count": 8}]]


def decoded(data: bytes) -> proton.Message:
    amqp = proton.Message()
    amqp.decode(data)
    return amqp


def sent(body: Any) -> Message:
    return Message(Address(TOPIC, "x"), "_query_response", "response", body, "_data", "clusterlabs.org:qmfagent:a", "7")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.floats(allow_nan=False) | st.uuids(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=9), VALUES, max_size=4))
def test_a_value_is_read_back_as_it_was(body: Any) -> None:
    message = sent(body)
    assert Envelope.open(encode_as_value(message)).message(message.to, "") == message


def test_widths_and_ids_are_amqps_own() -> None:
    identifier = UUID("9b679a98-0d12-4d85-ba69-137bdbc4c8a6")
    message = decoded(encode_as_value(sent({"a": UInt32(7), "b": UInt64(2**64 - 1), "c": identifier, "d": b"\xff"})))
    body = message.body  # binary in it lives as long as the message
    assert (body["a"], body["b"], body["c"], bytes(body["d"])) == (7, 2**64 - 1, identifier, b"\xff")
    assert isinstance(body["b"], ulong)


def test_what_is_too_much_for_a_value_comes_in_the_codec() -> None:
    assert decoded(encode_as_value(sent([0] * 60_000))).body == [0] * 60_000
    many = sent([0] * 70_000)
    assert encode_as_value(many) == encode(many)
