"""Traces: taken over where there is one, made up where not, kept apart between tasks, and told of to a tracer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import copy_context
from dataclasses import dataclass, field

import pytest

from qmfagent.errors import Refused
from qmfagent.trace import (
    Kind,
    Value,
    continuing,
    current_trace,
    current_traceparent,
    fail,
    note,
    outgoing_traceparent,
    span,
    trace_of,
    use,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"

NONE = [
    "",
    TRACE,
    f"00-{TRACE.upper()}-b7ad6b7169203331-01",
    f"00-{'0' * 32}-b7ad6b7169203331-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-b7ad6b7169203331-01",
    f"00-{TRACE}-b7ad6b7169203331",
    f"00-{TRACE}-b7ad6b7169203331-01\n",
    '00-","who":"root',
]


@dataclass
class Told:
    """A span that was told of."""

    name: str
    parent: str
    kind: Kind
    traceparent: str
    values: dict[str, Value] = field(default_factory=dict)
    reason: str = ""
    over: bool = False

    def note(self, values: Mapping[str, Value]) -> None:
        self.values.update(values)

    def failed(self, reason: str) -> None:
        self.reason = reason

    def end(self) -> None:
        assert not self.over
        self.over = True


class Recorder:
    """A tracer that remembers."""

    def __init__(self) -> None:
        self.spans: list[Told] = []

    def start(self, name: str, parent: str, kind: Kind) -> Told:
        number = len(self.spans) + 1
        self.spans.append(Told(name, parent, kind, f"00-{trace_of(parent)}-{number:016x}-01"))
        return self.spans[-1]


@pytest.fixture
def recorder() -> Recorder:
    """A tracer, which is used where a test says so: in a context of its own."""
    return Recorder()


@pytest.mark.parametrize("traceparent", [TRACEPARENT, f"01-{TRACE}-b7ad6b7169203331-00-more"])
def test_a_trace_is_taken_over(traceparent: str) -> None:
    assert trace_of(traceparent) == TRACE


@pytest.mark.parametrize("traceparent", NONE)
def test_what_is_no_traceparent_begins_a_new_trace(traceparent: str) -> None:
    one, other = trace_of(traceparent), trace_of(traceparent)
    assert one != other
    assert one == trace_of(f"00-{one}-b7ad6b7169203331-01")
    with span("work", traceparent):
        assert trace_of(current_traceparent()) == current_trace()
    with continuing(traceparent):
        assert current_traceparent() == ""


def test_without_a_tracer_what_came_in_goes_out_again() -> None:
    with span("work", TRACEPARENT, ticket="T"):
        note(changes=1)
        with span("part"):
            assert outgoing_traceparent() == current_traceparent() == TRACEPARENT
            assert current_trace() == TRACE
    assert current_traceparent() == ""
    assert outgoing_traceparent() != outgoing_traceparent()


def test_a_form_of_the_future_goes_out_in_that_of_today() -> None:
    with span("work", f"cc-{TRACE}-b7ad6b7169203331-ff-more"):
        assert outgoing_traceparent() == TRACEPARENT


def test_a_trace_that_begins_here_is_one() -> None:
    with span("work"):
        begun = outgoing_traceparent()
        with span("part"):
            assert outgoing_traceparent() == begun
    assert trace_of(begun) == trace_of(begun)


def test_spans_are_told_with_their_parents(recorder: Recorder) -> None:
    def work() -> None:
        use(recorder)
        with span("call", TRACEPARENT, kind=Kind.SERVER, ticket="T", user=""):
            with span("part"):
                note(changes=2)
            with span("other"):
                assert outgoing_traceparent() == recorder.spans[2].traceparent

    copy_context().run(work)
    call, part, other = recorder.spans
    assert (call.parent, call.kind, call.values) == (TRACEPARENT, Kind.SERVER, {"ticket": "T"})
    assert (part.parent, part.values) == (call.traceparent, {"changes": 2})
    assert (other.parent, other.kind) == (call.traceparent, Kind.INTERNAL)
    assert all(told.over and not told.reason for told in recorder.spans)
    with span("elsewhere"):
        assert len(recorder.spans) == 3


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Refused("busy", "there is much to do"), "busy"),
        (ValueError("s3cret"), "ValueError"),
        (asyncio.CancelledError(), "CancelledError"),
    ],
)
def test_a_failure_marks_every_span_that_it_leaves(recorder: Recorder, error: BaseException, reason: str) -> None:
    def work() -> None:
        use(recorder)
        with span("work"):
            try:
                with span("part"), span("its part"):
                    raise error
            except type(error):
                pass

    copy_context().run(work)
    assert [told.reason for told in recorder.spans] == ["", reason, reason]
    assert all(told.over for told in recorder.spans)


def test_a_failure_that_is_dealt_with_can_mark_its_span(recorder: Recorder) -> None:
    def work() -> None:
        use(recorder)
        with span("work"):
            fail(Refused("holder", "no"))

    copy_context().run(work)
    assert recorder.spans[0].reason == "holder"
    fail(ValueError("outside of any span"))


def test_what_continues_a_span_is_none_itself(recorder: Recorder) -> None:
    def work() -> None:
        use(recorder)
        with continuing(TRACEPARENT):
            assert current_traceparent() == TRACEPARENT
            with span("work"):
                pass

    copy_context().run(work)
    assert [told.parent for told in recorder.spans] == [TRACEPARENT]


async def test_tasks_keep_their_own() -> None:
    async def work(traceparent: str) -> str:
        with span("work", traceparent):
            await asyncio.sleep(0)
            return current_trace()

    traces = [trace_of() for _ in range(3)]
    assert await asyncio.gather(*(work(f"00-{trace}-b7ad6b7169203331-01") for trace in traces)) == traces


async def test_what_a_task_starts_belongs_to_its_span() -> None:
    async def started() -> str:
        return current_traceparent()

    with span("work", TRACEPARENT):
        task = asyncio.create_task(started())
    assert await task == TRACEPARENT
