"""Trace ids: taken over where they are some, made up where not, and kept apart between tasks."""

from __future__ import annotations

import asyncio

import pytest

from qmfagent.trace import current_trace, outgoing_traceparent, trace_of, traced

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("traceparent", [f"00-{TRACE}-b7ad6b7169203331-01", f"01-{TRACE}-b7ad6b7169203331-00-more"])
def test_a_trace_is_taken_over(traceparent: str) -> None:
    assert trace_of(traceparent) == TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACE,
        f"00-{TRACE.upper()}-b7ad6b7169203331-01",
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-b7ad6b7169203331-01",
        f"00-{TRACE}-b7ad6b7169203331",
        f"00-{TRACE}-b7ad6b7169203331-01\n",
        '00-","who":"root',
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(traceparent: str) -> None:
    one, other = trace_of(traceparent), trace_of(traceparent)
    assert one != other
    assert one == trace_of(f"00-{one}-b7ad6b7169203331-01")


def test_what_goes_out_belongs_to_the_trace_that_is_worked_on() -> None:
    with traced(TRACE):
        assert current_trace() == trace_of(outgoing_traceparent()) == TRACE
        assert outgoing_traceparent() != outgoing_traceparent()
    assert current_trace() != TRACE


async def test_tasks_keep_their_own() -> None:
    async def work(trace: str) -> str:
        with traced(trace):
            await asyncio.sleep(0)
            return current_trace()

    traces = [trace_of() for _ in range(3)]
    assert await asyncio.gather(*map(work, traces)) == traces
