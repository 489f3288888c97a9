"""Subscriptions that lose events on the way, and get them from the site's journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from consoles.client import AsyncConsole, Event, Gap, Position, SiteFound, SiteLost, Subscription
from qmfagent.bus.console.session import MAX_EVENTS
from qmfagent.errors import Refused
from qmfagent.journal.store import Journal, Retention
from qmfagent.objects.event_log import EventLog
from tests.consoles.conftest import SCHEMA, TIMEOUT


async def take(events: Subscription, count: int) -> list[Any]:
    """The next items; the numbers of events, everything else as it is."""
    async with asyncio.timeout(3 * TIMEOUT):
        items = [await anext(events) for _ in range(count)]
    return [item.seq if isinstance(item, Event) else item for item in items]


def raise_events(site: Any, count: int, **values: Any) -> None:
    for _ in range(count):
        site.event("applied", **values)


@pytest.fixture
async def console(siteb: Any) -> AsyncIterator[AsyncConsole]:
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as console:
        yield console


async def restart(site: Any, log: EventLog | None = None) -> None:
    await site.stop()
    site.log = log or site.log
    await site.start()


async def test_what_was_lost_comes_before_what_came_after_it(siteb: Any, console: AsyncConsole) -> None:
    with console.subscribe() as events:
        siteb.event("applied")
        raise_events(siteb, 3, told=False)
        siteb.event("applied", count=5)
        assert await take(events, 5) == [1, 2, 3, 4, 5]


async def test_what_was_lost_last_is_found_out_by_the_heartbeat(siteb: Any, console: AsyncConsole) -> None:
    with console.subscribe() as events:
        siteb.event("applied")
        assert await take(events, 1) == [1]
        siteb.event("applied", told=False)
        siteb.heartbeat()
        assert await take(events, 1) == [2]


async def test_what_is_replayed_is_as_it_was_told(siteb: Any, console: AsyncConsole) -> None:
    with console.subscribe() as live, console.subscribe(since={"siteb": 0}) as replayed:
        siteb.event("apply_failed", ticket="db", reason="clash")
        assert await anext(live) == await anext(replayed)
    with console.subscribe(since={"siteb": 0}) as again:
        assert (await anext(again)).position == Position(1, siteb.log.attributes()["journal"])  # type: ignore[union-attr]


async def test_many_pages_come_in_order_while_more_is_raised(siteb: Any, console: AsyncConsole) -> None:
    raise_events(siteb, 900)
    with console.subscribe(since={"siteb": 0}) as events:
        seen = await take(events, 300)
        raise_events(siteb, 300)
        seen += await take(events, 900)
        assert seen == list(range(1, 1201))


async def test_a_filter_by_name_does_not_make_holes(siteb: Any, console: AsyncConsole) -> None:
    with console.subscribe(events=["applied"]) as events:
        siteb.event("applied")
        siteb.event("published", told=False)
        siteb.event("in_sync")
        siteb.event("applied", told=False)
        siteb.event("applied")
        assert await take(events, 3) == [1, 4, 5]


async def test_a_console_that_comes_back_goes_on_where_it_was(siteb: Any) -> None:
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as console:
        with console.subscribe() as events:
            raise_events(siteb, 2)
            last = [await anext(events) for _ in range(2)][-1]
    assert isinstance(last, Event)
    raise_events(siteb, 3, told=False)
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as console:
        with console.subscribe(since={"siteb": last.position}) as events:
            assert await take(events, 3) == [3, 4, 5]


async def test_a_place_of_a_site_that_is_not_there_yet(siteb: Any, make_site: Callable[..., Any]) -> None:
    late = await make_site("sitea")
    raise_events(late, 3)
    await late.stop()
    async with AsyncConsole([siteb.url, late.url], timeout=TIMEOUT, on_problem=lambda text: None) as console:
        with console.subscribe(sites=["sitea"], since={"sitea": 1}) as events:
            await late.start()
            assert await take(events, 3) == [SiteFound("sitea"), 2, 3]


async def test_another_journal_is_a_gap_and_then_all_of_it(siteb: Any, console: AsyncConsole) -> None:
    with console.subscribe() as events:
        raise_events(siteb, 2)
        assert await take(events, 2) == [1, 2]
        log = EventLog(SCHEMA, Journal())
        await siteb.stop()
        siteb.log = log
        siteb.event("applied", told=False)
        await siteb.start()
        gap = Gap(siteb.url, None, "the site has begun a new journal", "siteb", 0)
        assert await take(events, 4) == [SiteLost("siteb"), SiteFound("siteb"), gap, 1]


async def test_what_is_not_kept_is_a_gap_with_where_it_goes_on(siteb: Any, console: AsyncConsole) -> None:
    await restart(siteb, EventLog(SCHEMA, Journal(None, Retention(max_entries=5))))
    raise_events(siteb, 12)
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as late:
        with late.subscribe(since={"siteb": 2}) as events:
            gap = Gap(siteb.url, 5, "they are not kept any more", "siteb", 7)
            assert await take(events, 6) == [gap, 8, 9, 10, 11, 12]


async def test_a_number_that_never_was_is_a_gap(siteb: Any, console: AsyncConsole) -> None:
    raise_events(siteb, 2)
    with console.subscribe(since={"siteb": 77}) as events:
        gap = Gap(siteb.url, None, "event 77 was one of an earlier journal", "siteb", 0)
        assert await take(events, 3) == [gap, 1, 2]


async def test_a_site_that_replays_nothing_has_gaps(siteb: Any, console: AsyncConsole) -> None:
    siteb.refusal = Refused("forbidden", "not for you")
    with console.subscribe() as events:
        siteb.event("applied")
        raise_events(siteb, 2, told=False)
        siteb.event("applied")
        assert await take(events, 3) == [1, Gap(siteb.url, 2, "not for you", "siteb", 3), 4]


async def test_a_question_without_an_answer_is_asked_again(siteb: Any, console: AsyncConsole) -> None:
    siteb.refusal = Refused("busy", "too much to do")
    with console.subscribe() as events:
        siteb.event("applied")
        siteb.event("applied", told=False)
        siteb.event("applied")
        assert await take(events, 1) == [1]
        reading = asyncio.create_task(take(events, 2))
        siteb.called.clear()
        async with asyncio.timeout(TIMEOUT):
            await siteb.called.wait()
        siteb.refusal = None
        assert await reading == [2, 3]


async def test_a_reader_that_is_slower_than_the_events_misses_none(siteb: Any, console: AsyncConsole) -> None:
    count = MAX_EVENTS + 300
    with console.subscribe() as events, console.subscribe() as brisk:
        siteb.event("applied")
        assert await take(events, 1) == [1]
        for _ in range(count):
            siteb.event("applied")
            await asyncio.sleep(0)
        assert await take(brisk, count + 1) == list(range(1, count + 2))
        assert await take(events, count) == list(range(2, count + 2))


async def test_a_console_that_was_stuck_has_everything_in_the_end_and_held_up_nobody(
    siteb: Any,
) -> None:
    siteb.limits = replace(siteb.limits, queue_messages=100, queue_bytes=200_000, window=2**16)
    await restart(siteb)
    async with AsyncConsole([siteb.url], timeout=TIMEOUT) as stuck, AsyncConsole([siteb.url], timeout=TIMEOUT) as brisk:
        with stuck.subscribe() as missing, brisk.subscribe() as events:
            siteb.event("applied")
            assert await take(missing, 1) == await take(events, 1) == [1]
            socket = stuck._links[0].session._connection._uplink.engine._socket
            socket.pause_reading()
            total = 1
            while not any(outlet._hole for outlet in siteb.outlets()):
                siteb.event("applied", version="x" * 20_000)
                total += 1
                assert await take(events, 1) == [total]
            raise_events(siteb, 20)
            assert await take(events, 20) == list(range(total + 1, total + 21))
            assert all(outlet._queued_bytes <= 200_000 for outlet in siteb.outlets())
            socket.resume_reading()
            assert await take(missing, total + 19) == list(range(2, total + 21))
