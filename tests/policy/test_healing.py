"""How often drift is healed: at once, then ever more rarely, and at once again after a calm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmfagent.policy.healing import AT_ONCE, CALM, FIRST_WAIT, MOST_WAIT, Healings


def healed(times: int, at: float = 0.0) -> Healings:
    """So many healings at one time."""
    result = Healings()
    for _ in range(times):
        result = result.healed(at)
    return result


def test_the_first_ones_wait_for_nothing() -> None:
    assert [healed(times).wait(0.0) for times in range(AT_ONCE)] == [0.0] * AT_ONCE


def test_then_they_wait_twice_as_long_each_time_up_to_the_most() -> None:
    waits = [healed(AT_ONCE + more).wait(0.0) for more in range(8)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert (waits[0], waits[-1]) == (FIRST_WAIT, MOST_WAIT)


def test_what_has_been_waited_counts() -> None:
    assert healed(AT_ONCE, at=1000.0).wait(1045.0) == 15.0
    assert healed(AT_ONCE, at=1000.0).wait(1060.0) == 0.0


def test_a_clock_that_was_set_back_makes_nobody_wait_longer() -> None:
    assert healed(AT_ONCE, at=1000.0).wait(0.0) == FIRST_WAIT


def test_after_a_calm_they_count_anew() -> None:
    assert healed(20, at=0.0).wait(CALM) == 0.0
    assert healed(20, at=0.0).healed(CALM).count == 1
    assert healed(20, at=0.0).healed(CALM - 1).count == 21


@given(st.lists(st.floats(0, 600), max_size=200))
def test_however_often_it_is_edited_a_day_has_few_healings(gaps: list[float]) -> None:
    done, now = Healings(), 0.0
    for gap in gaps:
        now += gap + done.wait(now + gap)
        done = done.healed(now)
    assert done.count == 0 or now >= sum(min(60 * 2**n, 3600) for n in range(done.count - AT_ONCE))
