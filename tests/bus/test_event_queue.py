"""Events on their way to a broker that comes and goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.broker.event_queue import WINDOW, EventQueue
from qmfagent.bus.connection.outlet import RELEASED
from qmfagent.errors import BusError, CodecError, ConnectionLost, RemoteError
from qmfagent.qmf.message import TOPIC, Address, Message


class Line:
    """A connection that the test plays. `problem` is what it raises instead of sending."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.sent: list[tuple[int, asyncio.Future[None]]] = []

    def post(self, event: Message) -> asyncio.Future[None]:
        if self.problem is not None:
            raise self.problem
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((number(event), future))
        return future

    @property
    def numbers(self) -> list[int]:
        return [each for each, _ in self.sent]

    async def confirm(self, error: Exception | None = None) -> list[int]:
        """End everything that is under way; which it was."""
        ended = [(each, future) for each, future in self.sent if not future.done()]
        for _, future in ended:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        await asyncio.sleep(0)
        return [each for each, _ in ended]


def event(n: int) -> Message:
    return Message(Address(TOPIC, "agent.ind.event.x"), "_data_indication", "indication", [{"n": n}])


def number(message: Message) -> int:
    assert isinstance(message.body, list)
    return int(message.body[0]["n"])


async def test_events_leave_in_order_a_window_at_a_time() -> None:
    line = Line()
    queue = EventQueue(line.post)
    for n in range(WINDOW + 5):
        queue.put(event(n))
    assert line.numbers == list(range(WINDOW))
    await line.confirm()
    assert line.numbers == list(range(WINDOW + 5))
    await line.confirm()
    assert len(queue) == 0


@pytest.mark.parametrize("problem", [ConnectionLost("away"), BusError("full")])
async def test_events_wait_while_nothing_can_be_sent(problem: Exception) -> None:
    line = Line()
    queue = EventQueue(line.post)
    line.problem = problem
    for n in range(3):
        queue.put(event(n))
    assert (line.numbers, len(queue)) == ([], 3)
    line.problem = None
    queue.flush()
    assert line.numbers == [0, 1, 2]


async def test_what_was_not_confirmed_is_sent_again_before_what_is_new() -> None:
    line = Line()
    queue = EventQueue(line.post)
    queue.put(event(0))
    await line.confirm()
    queue.put(event(1))
    queue.put(event(2))
    line.problem = ConnectionLost("away")
    await line.confirm(ConnectionLost("away"))
    queue.put(event(3))
    line.problem = None
    queue.flush()
    assert line.numbers == [0, 1, 2, 1, 2, 3]


async def test_an_event_that_is_refused_is_given_up_and_told(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    queue = EventQueue(line.post)
    queue.put(event(0))
    await line.confirm(RemoteError("no room"))
    assert len(queue) == 0
    assert "the broker refused an event: no room" in caplog.text


async def test_an_event_that_nobody_receives_is_no_problem(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    queue = EventQueue(line.post)
    queue.put(event(0))
    await line.confirm(RemoteError("nobody there", reason=RELEASED))
    assert (len(queue), caplog.text) == (0, "")


async def test_an_event_without_form_does_not_hold_up_the_others(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    queue = EventQueue(line.post)
    line.problem = CodecError("no form")
    queue.put(event(0))
    line.problem = None
    queue.put(event(1))
    assert line.numbers == [1]
    assert "can't be sent: no form" in caplog.text


async def test_the_oldest_go_where_too_many_wait(caplog: pytest.LogCaptureFixture) -> None:
    line = Line()
    queue = EventQueue(line.post, limit=3)
    line.problem = ConnectionLost("away")
    for n in range(5):
        queue.put(event(n))
    line.problem = None
    queue.flush()
    assert line.numbers == [2, 3, 4]
    assert queue.dropped == 2
    assert "the oldest is dropped" in caplog.text


@given(st.lists(st.sampled_from(["put", "confirm", "lose", "back"]), max_size=40))
def test_nothing_is_lost_and_first_comes_first(steps: list[Any]) -> None:
    async def play() -> None:
        line, put = Line(), 0
        queue = EventQueue(line.post)
        for step in steps:
            match step:
                case "put":
                    queue.put(event(put))
                    put += 1
                case "confirm":
                    await line.confirm()
                case "lose":
                    line.problem = ConnectionLost("away")
                    await line.confirm(line.problem)
                case "back":
                    line.problem = None
                    queue.flush()
        line.problem = None
        queue.flush()
        await line.confirm()
        assert len(queue) == 0
        assert list(dict.fromkeys(line.numbers)) == list(range(put))

    asyncio.run(play())
