"""What is done by itself with a publication: applied, or held for a reason until a time or a person."""

from __future__ import annotations

import pytest

from qmfagent.policy.modes import APPLY, HOLDS, Decision, TicketPolicy, decide, heals, next_run
from qmfagent.policy.schedule import Schedule, Window

DAY, HOUR = 86400.0, 3600.0
NIGHTLY = Schedule("0 2 * * *")
EVENING = (Window(Schedule("0 22 * * *"), 120),)
MANUAL = TicketPolicy()
AUTOMATIC = TicketPolicy("automatic")
WINDOWED = TicketPolicy("automatic", windows=EVENING)
PERIODIC = TicketPolicy("periodic", NIGHTLY)
BOTH = TicketPolicy("periodic", NIGHTLY, EVENING)


@pytest.mark.parametrize(
    ("policy", "hour", "due", "expected"),
    [
        (MANUAL, 1, 0, Decision("manual")),
        (AUTOMATIC, 1, 0, APPLY),
        (WINDOWED, 1, 0, Decision("window", 22 * HOUR)),
        (WINDOWED, 22, 0, APPLY),
        (WINDOWED, 24, 0, Decision("window", 46 * HOUR)),
        (PERIODIC, 1, 2, Decision("schedule", 2 * HOUR)),
        (PERIODIC, 2, 2, APPLY),
        (PERIODIC, 9, 2, APPLY),
        (BOTH, 1, 2, Decision("schedule", 2 * HOUR)),
        (BOTH, 2, 2, Decision("window", 22 * HOUR)),
        (BOTH, 23, 2, APPLY),
    ],
)
def test_modes_and_windows(policy: TicketPolicy, hour: float, due: float, expected: Decision) -> None:
    assert decide(policy, hour * HOUR, due * HOUR) == expected


@pytest.mark.parametrize("policy", [MANUAL, AUTOMATIC, WINDOWED, PERIODIC, BOTH])
def test_what_a_person_has_said_comes_first(policy: TicketPolicy) -> None:
    assert decide(policy, 22 * HOUR, 0, paused=True, pinned=True) == Decision("paused")
    assert decide(policy, 22 * HOUR, 0, pinned=True) == Decision("pinned")
    assert next_run(policy, HOUR, 2 * HOUR, paused=True) == next_run(policy, HOUR, 2 * HOUR, pinned=True) == 0


@pytest.mark.parametrize(
    ("policy", "hour", "due", "expected"),
    [
        (MANUAL, 1, 0, 0),
        (AUTOMATIC, 1, 0, 0),
        (WINDOWED, 1, 0, 22),
        (WINDOWED, 22, 0, 0),
        (PERIODIC, 1, 2, 2),
        (BOTH, 1, 2, 22),
    ],
)
def test_the_time_of_the_next_run(policy: TicketPolicy, hour: float, due: float, expected: float) -> None:
    assert next_run(policy, hour * HOUR, due * HOUR) == expected * HOUR


def test_the_schedule_gives_what_is_due() -> None:
    assert PERIODIC.due_after(DAY) == DAY + 2 * HOUR
    assert AUTOMATIC.due_after(DAY) == DAY


def test_drift_is_healed_where_the_policy_says_so_and_never_while_it_is_paused() -> None:
    healing = TicketPolicy("manual", drift="heal")
    assert heals(healing, paused=False)
    assert not heals(healing, paused=True)
    assert not heals(MANUAL, paused=False)


def test_every_hold_has_a_name_of_the_list() -> None:
    found = {
        decide(policy, hour * HOUR, 2 * HOUR, paused=paused, pinned=pinned).hold
        for policy in (MANUAL, WINDOWED, BOTH)
        for hour in (1, 3)
        for paused in (True, False)
        for pinned in (True, False)
    }
    assert found == set(HOLDS)
