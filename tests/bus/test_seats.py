"""Seats: bounded, and for those who speak."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.listener.seats import Seats


def test_the_longest_silent_makes_room() -> None:
    seats: Seats[str] = Seats(2)
    assert seats.take("a") is None
    assert seats.take("b") is None
    assert seats.take("c") == "a"
    assert list(seats) == ["b", "c"]


def test_who_has_spoken_is_safe() -> None:
    seats: Seats[str] = Seats(2)
    for name in "ab":
        seats.take(name)
        seats.speaks(name)
    assert not seats.to_be_had
    seats.leave("a")
    assert seats.take("c") is None
    assert seats.take("d") == "c"


def test_who_lost_a_seat_gets_none_by_speaking() -> None:
    seats: Seats[str] = Seats(1)
    seats.take("a")
    seats.take("b")
    seats.speaks("a")
    assert list(seats) == ["b"]


@given(
    number=st.integers(1, 4), steps=st.lists(st.tuples(st.sampled_from(["take", "speaks", "leave"]), st.integers(0, 9)))
)
def test_there_are_never_more(number: int, steps: list[tuple[str, int]]) -> None:
    seats: Seats[int] = Seats(number)
    spoken: set[int] = set()
    for step, peer in steps:
        if step == "take" and seats.to_be_had and peer not in seats:
            assert seats.take(peer) not in spoken
        elif step == "speaks" and peer in seats:
            seats.speaks(peer)
            spoken.add(peer)
        elif step == "leave":
            seats.leave(peer)
            spoken.discard(peer)
        assert len(seats) <= number
        assert spoken <= set(seats)
