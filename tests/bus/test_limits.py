"""Requests that are too large, or too many: each is told so, the agent does not look at it, and nobody else is concerned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmfagent.bus.limits.admission import ANSWERS_PER_SECOND, Admission
from qmfagent.bus.limits.limits import Limits
from qmfagent.bus.limits.token_bucket import TokenBucket
from qmfagent.errors import Refused, RemoteError
from qmfagent.qmf.message import DIRECT, TOPIC, Address, Message

ME = Address(TOPIC, "direct-console.me")
AGENT = Address(DIRECT, "agent")


# -- the bucket


def test_a_second_s_worth_at_once_and_then_at_its_rate() -> None:
    bucket = TokenBucket(10, 0.0)
    assert [bucket.take(0.0) for _ in range(11)] == [True] * 10 + [False]
    assert [bucket.take(0.25) for _ in range(3)] == [True, True, False]
    assert [bucket.take(1000.0) for _ in range(11)] == [True] * 10 + [False]


def test_less_than_one_a_second() -> None:
    bucket = TokenBucket(0.5, 0.0)
    assert [bucket.take(now) for now in (0.0, 1.0, 1.9, 2.0)] == [True, False, False, True]


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 2), max_size=200))
def test_never_more_than_the_rate_allows(rate: float, pauses: list[float]) -> None:
    bucket, now, taken = TokenBucket(rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now)
        assert taken <= max(rate, 1.0) + now * rate + 1e-6


def test_refusals_are_answered_only_so_often() -> None:
    now = 0.0
    admission = Admission(replace(Limits(), requests_per_second=1, request_bytes=10), lambda: now)
    with pytest.raises(Refused, match="a request of 11 bytes: 10 bytes are allowed") as large:
        admission.check(11)
    with pytest.raises(Refused, match="1 requests a second are allowed") as many:
        admission.check(1)
    assert (large.value.reason, many.value.reason) == ("too-large", "rate-limit")
    assert sum(admission.may_answer() for _ in range(1000)) == ANSWERS_PER_SECOND
    now = 1.0
    admission.check(10)
    assert admission.may_answer()


# -- at the listener


class Asked:
    """An agent behind a listener: the requests that it saw, and those that were refused."""

    def __init__(self) -> None:
        self.seen: list[Message] = []
        self.refused: list[tuple[Message, Refused]] = []

    def take(self, message: Message, identity: Any) -> None:
        self.seen.append(message)

    def refuse(self, message: Message, refusal: Refused) -> None:
        self.refused.append((message, refusal))


class Clock:
    """The time that the listener counts requests by: it stands still until a test moves it on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("qmfagent.bus.listener.peer.Admission", lambda limits: Admission(limits, clock))
    return clock


@pytest.fixture
def listen(bus: Any) -> Any:
    async def start(**limits: int) -> Asked:
        asked = Asked()
        await bus.listen((AGENT,), asked.take, limits=replace(Limits(), **limits), on_refused=asked.refuse)
        return asked

    return start


async def test_a_request_that_is_too_large_is_not_read_but_answered(bus: Any, listen: Any, message: Any) -> None:
    asked = await listen(request_bytes=10_000)
    client = await bus.connect()
    body = {"filler": "x" * 50_000}
    await client.send(message("agent", node=DIRECT, method="request", body=body, correlation_id="7", reply_to=ME))
    await client.send(message("agent", node=DIRECT, method="request", reply_to=ME))
    ((refused, why),) = asked.refused
    assert (refused.body, refused.correlation_id, refused.reply_to, why.reason) == (None, "7", ME, "too-large")
    assert [each.body for each in asked.seen] == [{"n": 1}]


async def test_what_others_say_to_each_other_may_be_larger(bus: Any, listen: Any, inbox: Any, message: Any) -> None:
    await listen(request_bytes=10_000)
    heard = inbox()
    await bus.connect((Address(TOPIC, "agent.#"),), heard)
    client = await bus.connect()
    await client.send(message("agent.ind.data", body={"filler": "x" * 50_000}))
    assert len((await heard.get()).body["filler"]) == 50_000


async def test_one_who_asks_too_often_is_told_so_and_others_are_not(
    bus: Any, listen: Any, message: Any, clock: Clock
) -> None:
    asked = await listen(requests_per_second=5)
    busy, other = await bus.connect(), await bus.connect()
    question = message("agent", node=DIRECT, method="request", reply_to=ME)
    for _ in range(8):
        await busy.send(question)
    await other.send(question)
    assert (len(asked.seen), [why.reason for _, why in asked.refused]) == (6, ["rate-limit"] * 3)
    clock.now = 0.2
    await busy.send(question)
    await busy.send(question)
    assert (len(asked.seen), len(asked.refused)) == (7, 4)


async def test_a_flood_is_rejected_without_an_answer_in_the_end(
    bus: Any, listen: Any, message: Any, clock: Clock
) -> None:
    asked = await listen(requests_per_second=1)
    flood = await bus.connect()
    question = message("agent", node=DIRECT, method="request", reply_to=ME)
    for _ in range(1 + ANSWERS_PER_SECOND):
        await flood.send(question)
    with pytest.raises(RemoteError, match=r"resource-limit-exceeded.*1 requests a second"):
        await flood.send(question)
    assert (len(asked.seen), len(asked.refused)) == (1, ANSWERS_PER_SECOND)
    assert flood.connected
