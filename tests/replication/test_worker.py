"""One worker for many tickets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from qmfagent.replication.following.worker import Worker
from qmfagent.trace import continuing, current_traceparent, span
from tests.sites.pair import until


class Looks:
    """A worker whose looks take until they are let go on."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.go_on = asyncio.Event()
        self.worker = Worker(self._look)

    async def _look(self, ticket: str, remote: str) -> None:
        self.seen.append((ticket, remote))
        await self.go_on.wait()


@pytest.fixture
async def looks() -> AsyncIterator[Looks]:
    looks = Looks()
    task = asyncio.create_task(looks.worker.run())
    yield looks
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_ticket_that_is_woken_often_meanwhile_is_looked_at_once_more(looks: Looks) -> None:
    looks.worker.wake("T", "a")
    await until(lambda: bool(looks.seen), "the first look")
    for remote in "abc":
        looks.worker.wake("T", remote)
    looks.worker.wake("U")
    looks.go_on.set()
    await until(lambda: len(looks.seen) == 3, "the others")
    assert looks.seen == [("T", "a"), ("T", "c"), ("U", "")]


async def test_what_wakes_it_before_the_time_ends_the_waiting(looks: Looks) -> None:
    looks.go_on.set()
    looks.worker.wake_later(0.02, "T", "late")
    looks.worker.wake_later(0.01, "U", "late")
    assert looks.worker.sleeps("T")
    looks.worker.wake("T", "now")
    assert not looks.worker.sleeps("T")
    await until(lambda: len(looks.seen) == 2, "both")
    await asyncio.sleep(0.03)
    assert looks.seen == [("T", "now"), ("U", "late")]


async def test_what_is_forgotten_is_not_looked_at_later(looks: Looks) -> None:
    looks.go_on.set()
    looks.worker.wake_later(0.0, "T")
    looks.worker.forget("T")
    looks.worker.wake_later(0.01, "U")
    await until(lambda: bool(looks.seen), "the other")
    assert looks.seen == [("U", "")]


async def test_a_look_belongs_to_the_trace_of_what_woke_its_ticket_last_and_so_does_a_later_one() -> None:
    first, last = (f"00-{digit * 32}-{digit * 16}-01" for digit in "12")
    traces: list[str] = []

    async def look(ticket: str, remote: str) -> None:
        traces.append(current_traceparent())
        if len(traces) < 3:
            with span("look"):
                worker.wake_later(0.0, ticket)

    worker = Worker(look)
    for traceparent in (first, last, ""):
        with continuing(traceparent):
            worker.wake("T")
    task = asyncio.create_task(worker.run())
    await until(lambda: len(traces) == 3, "the looks")
    worker.wake("T")
    await until(lambda: len(traces) == 4, "one more")
    assert traces == [last, last, last, ""]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
