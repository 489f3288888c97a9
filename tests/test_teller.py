"""Telling of changed objects in time, over a real bus: subscriptions, pushes, and nothing where nobody listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from qmfagent.agent import load_schema
from qmfagent.bus.client.connection import Connection
from qmfagent.config import Listen
from qmfagent.objects.changed import ChangedObjects
from qmfagent.qmf.agent import Agent
from qmfagent.qmf.console import Console
from qmfagent.qmf.console_events import ConsoleEvent, DataReceived, Subscribed, SubscriptionData
from qmfagent.qmf.message import TOPIC, Address, Message
from qmfagent.teller import Teller
from tests.replication.conftest import SOURCE
from tests.sites.pair import WAIT, Site, SiteGroup, until

NAME = "clusterlabs.org:qmfagent:a"


class Listening:
    """A console of another kind on the bus: it takes every message and every event that its messages mean."""

    def __init__(self, site: Site, *patterns: str) -> None:
        self.console = Console()
        self.events: asyncio.Queue[ConsoleEvent] = asyncio.Queue()
        addresses = [*self.console.addresses(), *(Address(TOPIC, pattern) for pattern in patterns)]
        self.connection = Connection(site.config.listen.url, addresses=addresses, on_message=self._take)

    def _take(self, message: Message) -> None:
        for event in self.console.receive(message, time.monotonic()):
            self.events.put_nowait(event)

    async def get(self, kind: type[Any], holds: Callable[[Any], bool] = lambda event: True) -> Any:
        async with asyncio.timeout(WAIT):
            while True:
                event = await self.events.get()
                if isinstance(event, kind) and holds(event):
                    return event

    async def __aenter__(self) -> Listening:
        self.connection.start()
        await self.connection.wait_up(WAIT)
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.connection.stop()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    sites = SiteGroup(tmp_path, {"a": SOURCE})
    config = sites["a"].config
    sites["a"].config = replace(config, listen=replace(config.listen, publish_interval=1))
    async with sites:
        agent = sites["a"].agent
        assert agent is not None
        # The holder of a ticket records what it publishes: who writes before that would have to do it over, and until the
        # agent has seen its own record its resources are still to change.
        inventory = agent.inventory
        await until(
            lambda: inventory.current is not None and bool(inventory.current.owned), "the record seen by the agent"
        )
        yield sites["a"]


def of(name: str) -> Callable[[Any], bool]:
    return lambda event: any(item.object_id.object_name == name for item in event.objects)


async def test_a_subscriber_is_told_of_everything_then_of_what_changes(site: Site) -> None:
    async with Listening(site) as console:
        cid, message = console.console.subscribe(NAME, "Resource", interval=1.0)
        await console.connection.send(message)
        answer = await console.get(Subscribed)
        first = await console.get(SubscriptionData)
        assert {item.object_id.object_name for item in first.objects} == {
            "Resource:vip",
            "Resource:web",
            "Resource:local-a",
        }
        await site.delete("local-a")
        second = await console.get(SubscriptionData)
        assert (answer.subscription, second.subscription) == (cid, cid)
        assert [(item.object_id.object_name, bool(item.delete_ts)) for item in second.objects] == [
            ("Resource:local-a", True)
        ]


async def test_who_receives_everything_is_told_on_the_publish_interval(site: Site) -> None:
    async with Listening(site, "agent.ind.data.#") as console:
        await console.connection.send(console.console.locate())
        await console.get(DataReceived, of("Constraint:ticket-vip"))
        # Everything is told once more where it was on its way already for another console that looked for agents: the first
        # new resource may be told with all others, the second is told alone.
        for name in ("new", "newer"):
            await site.create("resources", f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy"/>')
            event = await console.get(DataReceived, of(f"Resource:{name}"))
        (newer,) = event.objects
        assert newer.values["agent"] == "ocf:pacemaker:Dummy"
        assert newer.update_ts > 0


class NoLook(ChangedObjects):
    """Fails on a look at the objects."""

    def take(self, now_ns: int) -> list[Any]:
        raise AssertionError("nobody is there to be told")


async def test_nothing_is_looked_at_while_nobody_listens(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A peer, which receives replicas alone, is nobody here."""
    assert site.agent is not None
    asked: list[Address] = []

    def taken(address: Address) -> bool:
        asked.append(address)
        return ".Replica." in address.subject

    schema = load_schema()
    agent = Agent("v", "p", "i", schema=schema, source=site.agent.inventory, publish_interval=0.01)
    teller = Teller(agent, NoLook(schema, site.agent.inventory), taken, lambda message: None)
    running = asyncio.create_task(teller.run())
    async with asyncio.timeout(WAIT):
        while len(asked) < 50:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "could not be told" not in caplog.text


async def test_a_fault_does_not_end_the_telling(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert site.agent is not None
    monkeypatch.setattr("qmfagent.teller._PAUSE", 0.0)
    schema = load_schema()
    agent = Agent("v", "p", "i", schema=schema, source=site.agent.inventory, publish_interval=0.01)
    teller = Teller(agent, NoLook(schema, site.agent.inventory), lambda address: True, lambda message: None)
    running = asyncio.create_task(teller.run())
    async with asyncio.timeout(WAIT):
        while caplog.text.count("could not be told") < 3:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_the_interval_is_ten_seconds_unless_it_is_configured() -> None:
    assert Listen().publish_interval == 10
