"""Subscriptions: order, filters, gaps, and connections that are lost and found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from consoles.client import AsyncConsole, Event, Gap, SiteFound, SiteLost, Subscription
from consoles.resumption import Resumption
from qmfagent.bus.console.event_stream import EventGap, EventStream
from qmfagent.errors import ConnectionLost
from qmfagent.qmf.console_events import EventReceived
from tests.consoles.conftest import TIMEOUT


async def take(events: Subscription, count: int) -> list[Any]:
    async with asyncio.timeout(TIMEOUT):
        return [await anext(events) for _ in range(count)]


async def test_events_of_all_sites_come_with_their_values(sites: Any) -> None:
    sitea, siteb = sites
    async with AsyncConsole([sitea.url, siteb.url], timeout=TIMEOUT) as console:
        with console.subscribe() as events, console.subscribe(sites=["siteb"]) as of_siteb:
            sitea.event("apply_failed", ticket="db", reason="clash")
            siteb.event("ticket_changed", ticket="db", granted=True)
            got = {event.site: event for event in await take(events, 2)}
            assert got["sitea"].name == "apply_failed"
            assert (got["sitea"].severity, got["sitea"].timestamp) == (3, 1_700_000_000_000_000_000)
            assert got["siteb"].values["granted"] is True
            assert [event.site for event in await take(of_siteb, 1)] == ["siteb"]


async def test_a_lost_site_is_announced_and_found_again(siteb: Any) -> None:
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as console:
        with console.subscribe() as events:
            siteb.event("applied", count=1)
            assert isinstance((await take(events, 1))[0], Event)
            await siteb.stop()
            assert await take(events, 1) == [SiteLost("siteb")]
            siteb.event("applied", count=2, told=False)
            await siteb.start()
            assert await take(events, 1) == [SiteFound("siteb")]
            siteb.event("applied", count=3)
            assert [event.values["count"] for event in await take(events, 2)] == [2, 3]
            assert await console.sites() == ["siteb"]


async def test_a_site_that_was_down_at_first_is_found_later(siteb: Any, make_site: Callable[..., Any]) -> None:
    late = await make_site("sitea")
    await late.stop()
    async with AsyncConsole([siteb.url, late.url], timeout=TIMEOUT, on_problem=lambda text: None) as console:
        with console.subscribe(sites=["sitea"]) as events:
            await late.start()
            assert await take(events, 1) == [SiteFound("sitea")]
            late.event("applied", count=3)
            assert [event.values["count"] for event in await take(events, 1)] == [3]


async def test_closing_the_console_ends_its_subscriptions(siteb: Any) -> None:
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as console:
        events = console.subscribe()
        waiting = asyncio.create_task(anext(events, None))
        await asyncio.sleep(0)
    async with asyncio.timeout(TIMEOUT):
        assert await waiting is None


class Nowhere:
    """Sites that number no events, and answer nothing."""

    def numbers(self, site: str) -> None:
        return None

    async def call(self, site: str, object_name: str, method: str, /, **arguments: Any) -> dict[str, Any]:
        raise ConnectionLost("nobody is there")

    async def site(self, name: str) -> Any:
        raise ConnectionLost("nobody is there")


class Streams:
    """Two streams without a connection, and a subscription to them."""

    def __init__(self, limit: int = 100) -> None:
        registered: set[EventStream] = set()
        self.streams = {"amqp://a": EventStream(registered, limit), "amqp://b": EventStream(registered, limit)}
        self.registered = registered
        self.closed: list[Subscription] = []
        self.subscription = Subscription(
            self.streams, self._read, Resumption(Nowhere(), {}, None), None, None, self.closed.append
        )

    def put(self, url: str, number: int) -> None:
        self.streams[url].put(EventReceived("agent", "applied", {"n": number}, 5, 0, number))

    def _read(self, url: str, event: EventReceived) -> Event | None:
        return Event(url, event.class_name, event.values, event.severity, event.timestamp)


async def numbers(events: Subscription, count: int) -> list[Any]:
    return [item.values["n"] if isinstance(item, Event) else item for item in await take(events, count)]


async def test_an_announcement_comes_after_what_had_arrived_before() -> None:
    streams = Streams()
    for number in range(5):
        streams.put("amqp://a", number)
    streams.subscription.announce(SiteLost("a"))
    assert await numbers(streams.subscription, 6) == [0, 1, 2, 3, 4, SiteLost("a")]


async def test_reading_that_is_cancelled_loses_nothing() -> None:
    streams = Streams()
    got = []
    for number in range(50):
        streams.put("amqp://a", number)
        for _ in range(2):
            with suppress(TimeoutError):
                async with asyncio.timeout(0):
                    got += await numbers(streams.subscription, 1)
    got += await numbers(streams.subscription, 50 - len(got))
    assert got == list(range(50))


async def test_no_link_starves_another() -> None:
    streams = Streams()
    for number in range(20):
        streams.put("amqp://a", number)
    streams.put("amqp://b", 100)
    assert 100 in await numbers(streams.subscription, 4)


async def test_a_gap_names_the_url() -> None:
    streams = Streams()
    streams.streams["amqp://b"].put(EventGap(7, "the reader was too slow"))
    assert await take(streams.subscription, 1) == [Gap("amqp://b", 7, "the reader was too slow")]


async def test_the_end_of_all_streams_is_the_end() -> None:
    streams = Streams()
    streams.put("amqp://a", 1)
    for stream in streams.streams.values():
        stream.close()
    async with asyncio.timeout(TIMEOUT):
        assert [item async for item in streams.subscription] == [Event("amqp://a", "applied", {"n": 1}, 5, 0)]
    streams.subscription.close()
    streams.subscription.close()
    assert streams.closed == [streams.subscription]
    assert streams.registered == set()
