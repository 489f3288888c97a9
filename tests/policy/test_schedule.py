"""Times in cron's form, and windows: when something is due next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.policy.schedule import Schedule, Window, opening

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3600.0


def at(text: str, zone: ZoneInfo = PARIS) -> float:
    """Seconds since the epoch at a local time."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("expression", "moment", "expected"),
    [
        ("30 2 * * *", "2026-01-10T02:29:59", "2026-01-10T02:30"),
        ("30 2 * * *", "2026-01-10T02:30:00", "2026-01-11T02:30"),
        ("*/15 * * * *", "2026-01-10T23:46", "2026-01-11T00:00"),
        ("0 0 29 2 *", "2026-01-10T00:00", "2028-02-29T00:00"),
        ("0 6 * * mon-fri", "2026-01-09T07:00", "2026-01-12T06:00"),
        ("0 6 L * *", "2026-02-01T00:00", "2026-02-28T06:00"),
        # Clocks go from 2:00 to 3:00 on 2026-03-29, and from 3:00 back to 2:00 on 2026-10-25.
        ("30 2 * * *", "2026-03-29T00:00", "2026-03-29T03:00"),
        ("30 2 * * *", "2026-03-29T03:00", "2026-03-30T02:30"),
    ],
)
def test_the_next_time(expression: str, moment: str, expected: str) -> None:
    assert Schedule(expression, PARIS).after(at(moment)) == at(expected)


def test_where_clocks_are_set_back_a_fixed_time_comes_once_and_intervals_go_on() -> None:
    begin = at("2026-10-25T00:00")
    nightly, often = Schedule("30 2 * * *", PARIS), Schedule("*/30 * * * *", PARIS)
    assert nightly.after(nightly.after(begin)) - nightly.after(begin) == 25 * HOUR
    moments = [begin]
    for _ in range(10):
        moments.append(often.after(moments[-1]))
    assert moments[-1] - begin == 5 * HOUR


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "five fields"),
        ("* * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("60 * * * *", "bad minute"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 */30 2 mon#5", "no such time"),
    ],
)
def test_what_is_no_schedule(expression: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Schedule.parse(expression, UTC)


@given(st.text(alphabet="0123456789*/-,#L monFB", max_size=20))
def test_any_text_is_a_schedule_or_a_value_error(text: str) -> None:
    try:
        schedule = Schedule.parse(text, PARIS)
    except ValueError:
        return
    assert schedule.after(1_800_000_000.5) > 1_800_000_000.5


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-01-10T21:59:59", "2026-01-10T22:00"),
        ("2026-01-10T22:00:00", "2026-01-10T22:00"),
        ("2026-01-11T01:59:59", "2026-01-11T01:59:59"),
        ("2026-01-11T02:00:00", "2026-01-11T22:00"),
    ],
)
def test_a_window_is_open_from_its_start_until_it_ends(moment: str, opens: str) -> None:
    assert Window(Schedule("0 22 * * *", PARIS), 240).opens(at(moment)) == at(opens)


def test_the_first_of_several_windows_counts_and_without_any_it_is_always_open() -> None:
    windows = [Window(Schedule("0 22 * * *", PARIS), 60), Window(Schedule("0 12 * * *", PARIS), 60)]
    assert opening(windows, at("2026-01-10T10:00")) == at("2026-01-10T12:00")
    assert opening(windows, at("2026-01-10T13:00")) == at("2026-01-10T22:00")
    assert opening([], 5.5) == 5.5


@given(st.floats(1_700_000_000, 1_900_000_000), st.integers(1, 3000))
def test_where_a_window_opens_it_is_open(moment: float, minutes: int) -> None:
    window = Window(Schedule("17 */5 * * *", PARIS), minutes)
    opens = window.opens(moment)
    assert moment <= opens <= moment + timedelta(hours=7).total_seconds()
    assert window.opens(opens) == opens
