"""The lag of a site, from what was published when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmfagent.telemetry.lag import Lag, lag

SECOND = 1_000_000_000


def test_who_has_the_newest_is_not_behind() -> None:
    assert lag([("b", 20 * SECOND), ("a", 10 * SECOND)], "b", 100 * SECOND) == Lag(0, 0.0)


def test_the_oldest_that_is_missing_counts() -> None:
    published = [("c", 30 * SECOND), ("b", 20 * SECOND), ("a", 10 * SECOND)]
    assert lag(published, "a", 100 * SECOND) == Lag(2, 80.0)


def test_who_has_none_of_them_is_behind_all() -> None:
    assert lag([("b", 20 * SECOND), ("a", 10 * SECOND)], "", 100 * SECOND) == Lag(2, 90.0)


def test_what_was_announced_again_counts_once_and_from_the_first_time_on() -> None:
    published = [("b", 50 * SECOND), ("b", 20 * SECOND), ("a", 10 * SECOND)]
    assert lag(published, "a", 100 * SECOND) == Lag(1, 80.0)


def test_nothing_published_is_nothing_missing() -> None:
    assert lag([], "a", 100 * SECOND) == Lag(0, 0.0)


def test_a_clock_that_was_set_back_makes_no_negative_lag() -> None:
    assert lag([("b", 20 * SECOND)], "a", 10 * SECOND).seconds == 0.0


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.sampled_from("abcd"))
def test_it_never_shrinks_with_a_further_publication_by_another_digest(digests: list[str], applied: str) -> None:
    published = [(digest, SECOND * (len(digests) - i)) for i, digest in enumerate(digests)]
    now = SECOND * 100
    before = lag(published, applied, now)
    after = lag([("new", SECOND * (len(digests) + 1)), *published], applied, now)
    assert after.publications == before.publications + 1
    assert after.seconds >= before.seconds
