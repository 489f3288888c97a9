"""Sessions: how they are found, and how they end."""

from __future__ import annotations

from typing import Any

import pytest

from consoles.web.sessions import Sessions


class Console:
    """A console that tells whether it was closed."""

    closed = False

    async def __aexit__(self, *_: object) -> None:
        self.closed = True


class Live:
    """A live picture that tells whether it was stopped."""

    stopped = False

    async def stop(self) -> None:
        self.stopped = True


class Clock:
    """Seconds, as the test says."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock=clock, idle=100, absolute=250, most=3)


async def begin(sessions: Sessions, identity: str = "bob") -> tuple[str, Any, Any]:
    """A session: its id, its console and its live picture."""
    console: Any = Console()
    live: Any = Live()
    return await sessions.begin(identity, console, live), console, live


async def test_it_is_found_by_its_id_alone(sessions: Sessions) -> None:
    one, _, _ = await begin(sessions, "bob")
    other, _, _ = await begin(sessions, "eve")
    found = sessions.find(one)
    assert found is not None
    assert found.identity == "bob"
    assert len(one) >= 43  # 256 bits
    assert one != other
    assert found.csrf not in (one, other)
    assert sessions.find("") is None
    assert sessions.find(one[:-1]) is None


async def test_the_id_is_kept_nowhere(sessions: Sessions) -> None:
    identifier, _, _ = await begin(sessions)
    assert identifier not in repr(vars(sessions)) + repr(sessions.find(identifier))


async def test_one_that_is_not_used_ends(sessions: Sessions, clock: Clock) -> None:
    identifier, console, live = await begin(sessions)
    clock.now += 99
    assert sessions.find(identifier) is not None
    clock.now += 99
    # What a page asks for by itself is no use.
    assert sessions.find(identifier, active=False) is not None
    clock.now += 1
    session = sessions.find(identifier, active=False)
    assert session is None
    await sessions.end_those_over()
    assert (console.closed, live.stopped, len(sessions)) == (True, True, 0)


async def test_one_that_is_used_all_the_time_ends_too(sessions: Sessions, clock: Clock) -> None:
    identifier, _, _ = await begin(sessions)
    for _ in range(4):
        clock.now += 60
        assert sessions.find(identifier) is not None
    clock.now += 10
    assert sessions.find(identifier) is None


async def test_a_newer_one_takes_the_place_of_the_one_unused_longest(sessions: Sessions, clock: Clock) -> None:
    identifiers = []
    for _ in range(3):
        clock.now += 1
        identifiers.append((await begin(sessions))[0])
    sessions.find(identifiers[0])
    await begin(sessions)
    assert [sessions.find(each) is not None for each in identifiers] == [True, False, True]
    assert len(sessions) == 3


async def test_its_end_is_told_to_its_streams(sessions: Sessions) -> None:
    identifier, console, _ = await begin(sessions)
    session = sessions.find(identifier)
    assert session is not None
    await sessions.end(session, "test")
    await sessions.end(session, "test")
    assert session.ended.is_set()
    assert console.closed
    assert sessions.find(identifier) is None


async def test_all_end_with_the_web_console(sessions: Sessions) -> None:
    consoles = [(await begin(sessions))[1] for _ in range(3)]
    await sessions.close()
    assert all(console.closed for console in consoles)
    assert len(sessions) == 0
