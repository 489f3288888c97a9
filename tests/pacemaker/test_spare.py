"""A tool that waits for its document: it is the same to its user, is there for the next use, and does not outlive its time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from qmfagent.errors import ClusterError
from qmfagent.pacemaker import spare
from qmfagent.pacemaker.spare import SpareTool
from tests.sites.pair import until

# Says which process it is, then what it was given.
COMMAND = (
    sys.executable,
    "-ISc",
    "import os, sys; print(os.getpid(), sys.stdin.read()); print('words', file=sys.stderr); sys.exit(3)",
)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "DELAY", 0.0)


@pytest_asyncio.fixture
async def tool() -> AsyncIterator[SpareTool]:
    made = SpareTool(COMMAND, 10.0)
    yield made
    await made.stop()


async def waiting(tool: SpareTool) -> asyncio.subprocess.Process:
    """The process that waits, once it does."""
    await until(lambda: tool._waiting is not None, "a process that waits")
    assert tool._waiting is not None
    return tool._waiting


async def test_what_waits_is_used_and_another_takes_its_place(tool: SpareTool) -> None:
    code, output, words = await tool.run(b"one")
    assert (code, output.split()[1:], words) == (3, [b"one"], "words")
    process = await waiting(tool)
    _, output, _ = await tool.run(b"two")
    assert output.split() == [str(process.pid).encode(), b"two"]
    assert await waiting(tool) is not process


async def test_two_at_once_get_a_process_each(tool: SpareTool) -> None:
    await tool.run(b"")
    await waiting(tool)
    (_, one, _), (_, other, _) = await asyncio.gather(tool.run(b"one"), tool.run(b"two"))
    assert (one.split()[1:], other.split()[1:]) == ([b"one"], [b"two"])


async def test_one_that_has_ended_meanwhile_is_not_used(tool: SpareTool) -> None:
    await tool.run(b"")
    process = await waiting(tool)
    process.kill()
    await process.wait()
    assert (await tool.run(b"two"))[1].split()[1:] == [b"two"]


async def test_it_waits_only_for_so_long(tool: SpareTool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spare, "KEPT", 0.01)
    await tool.run(b"")
    process = await waiting(tool)
    async with asyncio.timeout(10):
        assert await process.wait() < 0
    assert tool._waiting is None


async def test_it_is_ended_with_its_user(tool: SpareTool) -> None:
    await tool.run(b"")
    process = await waiting(tool)
    await tool.stop()
    assert process.returncode is not None


async def test_a_tool_that_is_not_there_or_does_not_end_is_an_error() -> None:
    with pytest.raises(ClusterError, match="can't be run"):
        await SpareTool(("/nonexistent/tool",), 1.0).run(b"")
    slow = SpareTool(("sh", "-c", "exec sleep 60"), 0.05)
    with pytest.raises(ClusterError, match=r"no end after 0\.05 s"):
        await slow.run(b"")
    await slow.stop()
