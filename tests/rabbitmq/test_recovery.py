"""A broker that is killed and comes back: nothing is lost, and nobody needs a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from qmfagent.bus.console.event_stream import EventGap
from qmfagent.bus.dialects import Inbox, Role
from qmfagent.cib.closure.closure import closure
from qmfagent.peers.link import agent_name
from qmfagent.qmf.console_events import EventReceived
from qmfagent.qmf.message import INDICATION, TOPIC, Address, Message
from tests.rabbitmq.server import RabbitMq
from tests.replication.conftest import SOURCE, TARGET
from tests.sites.buses import AtRabbitMq
from tests.sites.pair import SitePair, until

RECOVERY = 60.0
"""Seconds in which everybody is back: clients try again every five at the latest, and may have to wait for their turn."""
DUMMY = '<primitive id="p{}" class="ocf" provider="pacemaker" type="Dummy"/>'


@pytest.fixture
async def pair(tmp_path: Path, rabbitmq: RabbitMq) -> AsyncIterator[SitePair]:
    rabbitmq.forget()
    async with SitePair(tmp_path, SOURCE, TARGET, bus=AtRabbitMq(rabbitmq)) as sites:
        yield sites


async def test_replication_goes_on_when_the_broker_is_back(pair: SitePair, rabbitmq: RabbitMq) -> None:
    await pair.b.event("applied")
    agents = [pair.a.agent, pair.b.agent]
    await pair.a.set_value("vip-ip", "10.1.0.20")
    rabbitmq.kill()
    await pair.a.set_value("vip-ip", "10.1.0.21")
    await until(
        lambda: not any(peer["connected"] for peer in pair.b.agent.peers.describe()), "siteb misses sitea", RECOVERY
    )  # type: ignore[union-attr]
    await pair.a.delete("web-with-vip")
    await asyncio.to_thread(rabbitmq.start)
    await until(lambda: "web-with-vip" not in pair.b.snapshot.members, "the deletion at siteb", RECOVERY)
    await until(lambda: pair.b.snapshot.ids["vip-ip"].get("value") == "10.1.0.21", "the last value at siteb", RECOVERY)
    assert closure(pair.b.snapshot, "T").digest == closure(pair.a.snapshot, "T").digest
    assert pair.a.session is not None
    await pair.a.session.wait_up(RECOVERY)
    await pair.a.replica("T", "siteb", state="in-sync")
    assert [pair.a.agent, pair.b.agent] == agents


async def test_a_durable_subscriber_misses_no_event_while_the_broker_is_away(
    pair: SitePair, rabbitmq: RabbitMq
) -> None:
    await pair.b.event("applied")
    assert pair.a.agent is not None
    async with AtRabbitMq(rabbitmq).console("sitea", subscriber="console", connect_timeout=RECOVERY) as session:
        await asyncio.to_thread(rabbitmq.write_down)
        with session.events() as stream:
            before = pair.a.agent.inventory.config_changes
            rabbitmq.kill()
            for number in (1, 2, 3):
                await pair.a.create("resources", DUMMY.format(number))
                await until(lambda: pair.a.agent.inventory.config_changes > before, "the change")  # type: ignore[union-attr] # noqa: B023
                before = pair.a.agent.inventory.config_changes
            await asyncio.to_thread(rabbitmq.start)
            numbers = []
            async with asyncio.timeout(RECOVERY):
                async for event in stream:
                    assert isinstance(event, EventReceived), event
                    if event.agent == agent_name("sitea"):
                        numbers.append(event.values["seq"])
                        if numbers[-1] == pair.a.agent._events.last:
                            break
    assert sorted(set(numbers)) == list(range(numbers[0], numbers[0] + len(set(numbers))))
    assert len(numbers) >= 3


def event(number: int) -> Message:
    return Message(Address(TOPIC, "agent.ind.event.x"), "_data_indication", INDICATION, [{"n": number}], "_event", "a")


async def test_a_durable_subscriber_gets_what_was_raised_while_it_and_the_broker_were_away(
    pair: SitePair, rabbitmq: RabbitMq
) -> None:
    await pair.b.event("applied")
    bus = AtRabbitMq(rabbitmq)
    async with bus.console("sitea", subscriber="console", connect_timeout=RECOVERY):
        pass
    before = len(pair.a.seen("config_changed"))
    await pair.a.create("resources", DUMMY.format(1))
    await until(lambda: len(pair.a.seen("config_changed")) > before, "the change")
    last = pair.a.seen("config_changed")[-1].values["seq"]
    await pair.b.stop()
    await pair.a.stop()
    await asyncio.to_thread(rabbitmq.write_down)
    rabbitmq.kill()
    await asyncio.to_thread(rabbitmq.start)
    session = bus.console("sitea", subscriber="console", connect_timeout=RECOVERY)
    stream = session.events()
    async with session:
        async with asyncio.timeout(RECOVERY):
            async for received in stream:
                assert isinstance(received, EventReceived)
                if received.agent.endswith("sitea") and received.values["seq"] == last:
                    break


async def test_no_gap_is_told_where_the_broker_keeps_the_events(rabbitmq: RabbitMq) -> None:
    rabbitmq.forget()
    bus = AtRabbitMq(rabbitmq)
    patient = {"connect_timeout": RECOVERY}
    async with (
        bus.console("sitea", subscriber="console", **patient) as durable,
        bus.console("sitea", **patient) as fleeting,
    ):
        streams = [durable.events(), fleeting.events()]
        rabbitmq.kill()
        async with asyncio.timeout(RECOVERY):
            assert isinstance(await anext(streams[1]), EventGap)
        await asyncio.to_thread(rabbitmq.start)
        await durable.wait_up(RECOVERY)
    assert [item async for item in streams[0]] == []


async def test_events_under_way_when_the_broker_dies_are_sent_again_in_order(at: Any, rabbitmq: RabbitMq) -> None:
    """Some may come twice, the broker's last acknowledgements being lost with it: that is what they have numbers for."""
    bus, _ = await at.agent()
    _, received = await at.connect(lasting=Inbox(Role.EVENTS, "console", (Address(TOPIC, "agent.ind.event.#"),)))
    await asyncio.to_thread(rabbitmq.write_down)
    for number in range(100):
        bus.send(event(number))
    assert (await received.next()).body[0]["n"] == 0
    rabbitmq.kill()
    for number in range(100, 250):
        bus.send(event(number))
    await asyncio.to_thread(rabbitmq.start)
    numbers = [0]
    while numbers[-1] != 249:
        number = (await received.next()).body[0]["n"]
        if number > numbers[-1]:
            numbers.append(number)
    assert numbers == list(range(250))
    await until(lambda: len(bus._events) == 0, "the confirmations")
