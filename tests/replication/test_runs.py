"""The clock of the tickets, with time played: who is woken when, and what is decided then."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from qmfagent.policy.modes import TicketPolicy
from qmfagent.policy.schedule import Schedule, Window
from qmfagent.replication.following import runs as module
from qmfagent.replication.following.runs import Runs
from qmfagent.replication.standing import Standing
from tests.sites.pair import until

HOUR, DAY = 3600.0, 86400.0
NIGHTLY = TicketPolicy("periodic", Schedule("0 2 * * *"))
EVENING = TicketPolicy("automatic", windows=(Window(Schedule("0 22 * * *"), 120),))


class Clock:
    """Runs whose time is set; what they wake is written down."""

    def __init__(self, policy: TicketPolicy) -> None:
        self.now = HOUR
        self.woken: list[str] = []
        self.standing = Standing("T")
        self.runs = Runs(lambda ticket: policy, lambda ticket: self.standing, lambda: self.now, self.woken.append)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clocks are compared all the time."""
    monkeypatch.setattr(module, "RECHECK", 0.01)
    return iter([None])


async def test_a_time_of_the_schedule_is_due_until_it_is_used() -> None:
    clock = Clock(NIGHTLY)
    assert clock.runs.decide("T").until == 2 * HOUR
    clock.now = 9 * HOUR
    assert clock.runs.decide("T").hold == ""
    clock.runs.used("T")
    assert (clock.runs.decide("T").hold, clock.runs.decide("T").until) == ("schedule", DAY + 2 * HOUR)


async def test_who_waits_for_a_time_is_woken_then_and_not_before() -> None:
    clock = Clock(NIGHTLY)
    clock.runs.watch("T")
    await asyncio.sleep(0.05)
    assert clock.woken == []
    clock.now = 2 * HOUR
    await until(lambda: clock.woken == ["T"], "the schedule's time")
    assert clock.runs._timers == {}


async def test_a_window_that_opens_wakes_and_one_that_is_open_needs_no_timer() -> None:
    clock = Clock(EVENING)
    clock.runs.watch("T")
    clock.now = 22 * HOUR
    await until(lambda: clock.woken == ["T"], "the window")
    clock.runs.watch("T")
    assert clock.runs._timers == {}


async def test_a_clock_that_is_set_back_brings_the_time_back() -> None:
    clock = Clock(NIGHTLY)
    clock.now = 30 * DAY
    clock.runs.watch("T")
    assert clock.runs.describe("T")["next_run"] == 30 * DAY + 2 * HOUR
    clock.now = HOUR
    await until(lambda: clock.runs._timers["T"][0] == 2 * HOUR, "the earlier time")
    assert clock.woken == []
    clock.runs.stop()


async def test_nobody_is_woken_for_what_does_not_go_by_the_clock() -> None:
    for policy in (TicketPolicy("manual"), TicketPolicy("automatic")):
        clock = Clock(policy)
        clock.runs.watch("T")
        assert clock.runs._timers == {}


async def test_a_hold_ends_the_waiting() -> None:
    clock = Clock(NIGHTLY)
    clock.runs.watch("T")
    clock.standing = Standing("T", pinned=4)
    clock.runs.watch("T")
    assert clock.runs._timers == {}
    assert clock.runs.describe("T") == {
        "mode": "periodic",
        "on_drift": "keep",
        "paused": False,
        "pinned": 4,
        "next_run": 0,
    }


async def test_watching_again_keeps_the_timer() -> None:
    clock = Clock(NIGHTLY)
    clock.runs.watch("T")
    before = clock.runs._timers["T"][1]
    clock.runs.watch("T")
    assert clock.runs._timers["T"][1] is before
    clock.runs.stop()
    assert before.cancelled()


def test_the_next_run_is_told_also_of_a_ticket_that_nobody_has_looked_at() -> None:
    clock = Clock(NIGHTLY)
    clock.now = DAY + 3 * HOUR
    assert clock.runs.describe("T")["next_run"] == 2 * DAY + 2 * HOUR
    clock.now = 2 * DAY + 3 * HOUR
    assert clock.runs.describe("T")["next_run"] == 3 * DAY + 2 * HOUR
