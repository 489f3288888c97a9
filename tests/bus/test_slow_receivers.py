"""Receivers that are slower than the agent: what waits for them is bounded, what has no room is left out and told, and nobody
else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.listener.listener import Listener
from qmfagent.bus.load import BusLoad
from qmfagent.qmf.message import TOPIC, Address, Message

EVENTS = (Address(TOPIC, "agent.#"),)
SMALL = replace(Limits(), queue_messages=50, queue_bytes=200_000, window=2**16)
PATIENT = replace(Limits(), idle_timeout=600.0)
"""For who stops reading: he hears no heartbeats either, and would give the connection up by himself."""


class Told:
    """What one receiver got, in order: numbers of events, and holes as (number of the last before it, how many)."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def __call__(self, message: Message) -> None:
        body = message.body
        assert isinstance(body, dict)
        self.items.append((body["since"], body["count"]) if "since" in body else body["n"])

    def whole(self, last: int) -> bool:
        """Whether every event up to `last` came or is in a hole that was told of, in order."""
        at = 0
        for item in self.items:
            if isinstance(item, tuple):
                assert item[0] == at, (item, at)
                at += item[1]
            else:
                assert item == at + 1, (item, at)
                at = item
        return at == last

    async def until(self, last: int) -> None:
        async with asyncio.timeout(30):
            while not self.whole(last):
                await asyncio.sleep(0.01)


@pytest.fixture
def listening(bus: Any, message: Any) -> Callable[..., Awaitable[Callable[[int], None]]]:
    """Starts a listener that tells of what it leaves out; gives what raises event number n there."""

    async def start(limits: Limits = SMALL) -> Callable[[int], None]:
        def missed(since: int, count: int) -> Message:
            return message("agent.missed", body={"since": since, "count": count})

        listener: Listener = await bus.listen(limits=limits, on_missed=missed)
        bus.listener = listener
        return lambda n: listener.send(message("agent.event", body={"n": n, "filler": "x" * 5000}), n - 1)

    return start


def outlets(bus: Any) -> list[Any]:
    return list(bus.listener.router.route(TOPIC, "agent.event"))


async def test_a_stuck_receiver_costs_a_bounded_queue_and_stalls_nobody(bus: Any, listening: Any) -> None:
    """One console stops reading its socket for good, another goes on: 3,000 events of 5 kB, 15 MB in all."""
    raise_event = await listening()
    stuck = await bus.connect(EVENTS, Told(), limits=PATIENT)
    (outlet,) = outlets(bus)
    brisk = Told()
    await bus.connect(EVENTS, brisk)
    stuck._uplink.engine._socket.pause_reading()
    queued, ready = 0, 0
    for n in range(1, 3001):
        raise_event(n)
        queued, ready = max(queued, outlet._queued_bytes), max(ready, outlet._session.outgoing_bytes)
        if n % 20 == 0:
            await brisk.until(n)
    assert [item for item in brisk.items if isinstance(item, tuple)] == []
    assert outlet in outlets(bus)
    assert 100_000 < queued <= SMALL.queue_bytes
    assert len(outlet._queue) <= SMALL.queue_messages
    assert ready <= SMALL.window + 10_000


async def test_a_slow_receiver_is_told_of_each_hole_at_its_place(bus: Any, listening: Any) -> None:
    raise_event = await listening()
    told = Told()
    slow = await bus.connect(EVENTS, told, limits=PATIENT)
    (outlet,) = outlets(bus)
    last, holes = 0, []
    for _ in range(3):
        slow._uplink.engine._socket.pause_reading()
        while outlet._hole is None or outlet._hole.count < 20:
            last += 1
            raise_event(last)
            await asyncio.sleep(0)
            assert last < 20_000
        slow._uplink.engine._socket.resume_reading()
        await told.until(last)
        last += 1
        raise_event(last)
        await told.until(last)
        holes.append([item for item in told.items if isinstance(item, tuple)])
    # The socket may take some more in between, which makes two holes of one.
    assert 0 < len(holes[0]) < len(holes[1]) < len(holes[2])
    assert bus.listener.load == BusLoad("", 1, 0, sum(count for _, count in holes[-1]))
    assert slow.connected


async def test_nothing_is_taken_again_before_half_of_what_waits_is_gone(bus: Any, listening: Any) -> None:
    """Else a receiver that takes one message at a time would get a hole after each."""
    raise_event = await listening(replace(SMALL, credit=10))
    told = Told()
    slow = await bus.connect(EVENTS, told, limits=replace(PATIENT, credit=10))
    (outlet,) = outlets(bus)
    slow._uplink.engine._socket.pause_reading()
    n = 0
    while outlet._hole is None:
        n += 1
        raise_event(n)
        await asyncio.sleep(0)
    waiting = len(outlet._queue)
    outlet._queue.popleft()
    outlet._queued_bytes -= 5300
    n += 1
    raise_event(n)
    assert len(outlet._queue) == waiting - 1
    assert outlet._hole.count == 2
    assert bus.listener.load == BusLoad("", 1, waiting - 1, 2)
    await slow.stop()
    async with asyncio.timeout(30):
        while bus.listener.load.connections:
            await asyncio.sleep(0.01)
    assert bus.listener.load == BusLoad("", 0, 0, 2 + waiting - 1)


async def test_what_can_not_be_left_out_closes_the_link_alone(
    bus: Any, listening: Any, inbox: Any, message: Any
) -> None:
    await listening()
    lost, brisk = inbox(), Told()
    slow = await bus.connect(EVENTS, Told(), on_down=lost, limits=PATIENT)
    await bus.connect(EVENTS, brisk)
    slow._uplink.engine._socket.pause_reading()
    n = 0
    while len(outlets(bus)) == 2:
        n += 1
        bus.listener.send(message("agent.event", body={"n": n, "filler": "x" * 5000}))
        await brisk.until(n)
        assert n < 20_000
    slow._uplink.engine._socket.resume_reading()
    assert "resource-limit-exceeded" in await lost.get()


async def test_the_same_bytes_go_to_all(bus: Any, listening: Any) -> None:
    raise_event = await listening(replace(SMALL, queue_messages=1000, queue_bytes=2**20))
    for _ in range(3):
        # With credit for one message the others wait, whatever the sockets take.
        client = await bus.connect(EVENTS, Told(), limits=replace(PATIENT, credit=1))
        client._uplink.engine._socket.pause_reading()
    waiting = outlets(bus)
    n = 0
    while not all(outlet._queue for outlet in waiting):
        n += 1
        raise_event(n)
        await asyncio.sleep(0)
    raise_event(n + 1)
    assert len({id(outlet._queue[-1][0]) for outlet in waiting}) == 1
