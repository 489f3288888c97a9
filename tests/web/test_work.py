"""What a session is busy with: nothing twice, what writes to its end."""

from __future__ import annotations

import asyncio

import pytest

from consoles.web import work as module
from consoles.web.work import MOST_PROPOSALS, MOST_TASKS, Proposal, Purpose, Task, Work
from qmfagent.errors import ConnectionLost


def proposal(token: str) -> Proposal:
    return Proposal(token, Purpose("replicate", "T", "siteb"), (), {})


async def nothing(task: Task) -> None:
    """Ends at once."""


async def over(task: Task) -> Task:
    """The task, once it is over."""
    while not task.over:
        await task.after(task.number)
    return task


async def test_what_is_under_way_is_not_started_again() -> None:
    work, go, runs = Work(), asyncio.Event(), []

    async def job(task: Task) -> None:
        runs.append(task)
        await go.wait()

    first = work.start("k", job)
    await asyncio.sleep(0)
    assert work.start("k", job) is first
    go.set()
    await over(first)
    assert runs == [first]
    assert work.task("k") is first
    assert work.start("k", nothing) is not first
    await work.stop()


async def test_what_was_shown_anew_may_be_tried_anew() -> None:
    work = Work()
    work.propose(proposal("t"))
    await over(work.start("t", nothing))
    assert work.task("t") is not None
    work.propose(proposal("t"))
    assert work.task("t") is None


async def test_showing_it_anew_does_not_forget_what_is_under_way() -> None:
    work, go = Work(), asyncio.Event()

    async def job(task: Task) -> None:
        await go.wait()

    work.propose(proposal("t"))
    task = work.start("t", job)
    work.propose(proposal("t"))
    assert work.task("t") is task
    go.set()
    await over(task)


async def test_the_oldest_go_when_there_are_many() -> None:
    work = Work()
    for number in range(MOST_PROPOSALS + 1):
        work.propose(proposal(str(number)))
    assert work.proposal("0") is None
    assert work.proposal("1") is not None
    for number in range(MOST_TASKS + 1):
        await over(work.start(str(number), nothing))
    assert work.task("0") is None
    assert work.task(str(MOST_TASKS)) is not None


async def test_who_follows_hears_every_step_and_the_end() -> None:
    work, go = Work(), asyncio.Event()

    async def job(task: Task) -> None:
        task.tell("siteb", "info", "writes")
        await go.wait()
        raise ConnectionLost("gone")

    task = work.start("k", job)
    await task.after(0)
    assert [step.text for step in task.told] == ["writes"]
    go.set()
    await over(task)
    assert isinstance(task.error, ConnectionLost)


async def test_a_fault_of_ours_ends_the_task_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def job(task: Task) -> None:
        raise ZeroDivisionError

    task = await over(Work().start("k", job))
    assert "the log of the web console says why" in str(task.error)
    assert "ZeroDivisionError" in caplog.text


async def test_what_writes_is_finished_and_the_rest_given_up() -> None:
    work, go, ended = Work(), asyncio.Event(), []

    async def write(task: Task) -> None:
        await go.wait()
        ended.append("written")

    async def look(task: Task) -> None:
        await asyncio.Event().wait()

    writing = work.start("write", write, writing=True)
    looking = work.start("look", look)
    stopping = asyncio.create_task(work.stop())
    await over(looking)
    assert not stopping.done()
    assert not writing.over
    go.set()
    await stopping
    assert ended == ["written"]


async def test_the_end_waits_for_no_write_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH", 0.01)
    work = Work()

    async def hang(task: Task) -> None:
        await asyncio.Event().wait()

    task = work.start("k", hang, writing=True)
    async with asyncio.timeout(30):
        await work.stop()
    assert task.over
