"""The tools, played by scripts: exit codes, words, limits and the environment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qmfagent.errors import ClusterError, Disconnected, WriteRejected
from qmfagent.pacemaker import process
from qmfagent.pacemaker.tools import OLD, Tools

Script = Callable[[str, str], None]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """script(NAME, BODY) puts a shell script into the path before everything else."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def make(name: str, body: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    return make


async def test_query(script: Script) -> None:
    script("cibadmin", "echo \"<cib args='$*'/>\"")
    assert await Tools().query() == b"<cib args='--query --local'/>\n"
    assert await Tools().head() == b"<cib args='--query --local --no-children'/>\n"


async def test_a_patchset_goes_through_standard_input(script: Script) -> None:
    script("cibadmin", 'cat >&2; echo "$*" >&2; exit 103')
    assert await Tools().patch(b"<diff/>\n") == (OLD, "<diff/>\n--patch --xml-pipe")


async def test_other_cibs_are_out_of_reach(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIB_file", "/somewhere/else")
    monkeypatch.setenv("CIB_shadow", "copy")
    script("cibadmin", 'echo "${CIB_file-none} ${CIB_shadow-none}"')
    assert await Tools().query() == b"none none\n"


async def test_ticket(script: Script) -> None:
    script("crm_ticket", '[ "$*" = "--ticket=a b --standby --force" ]')
    await Tools().ticket("a b", "standby")


@pytest.mark.parametrize(
    ("code", "error"), [(4, WriteRejected), (71, Disconnected), (102, Disconnected), (1, ClusterError)]
)
async def test_a_failing_ticket_is_told_with_the_tools_words(
    script: Script, code: int, error: type[ClusterError]
) -> None:
    script("crm_ticket", f"echo 'sorry for that' >&2; exit {code}")
    with pytest.raises(ClusterError, match="sorry for that") as caught:
        await Tools().ticket("T", "grant")
    assert type(caught.value) is error


async def test_a_cluster_that_is_not_there(script: Script) -> None:
    script("cibadmin", "exit 102")
    for work in (Tools().query(), Tools().head(), Tools().patch(b"<diff/>")):
        with pytest.raises(Disconnected):
            await work


async def test_a_tool_that_does_not_end_is_killed(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = process.start

    async def watched(*arguments: Any) -> asyncio.subprocess.Process:
        started.append(await start(*arguments))
        return started[-1]

    # Not by a word of its own: it may be killed before it has said any.
    monkeypatch.setattr(process, "start", watched)
    script("cibadmin", "exec sleep 60")
    with pytest.raises(ClusterError, match=r"cibadmin --query --local: no end after 0\.2 s"):
        await Tools(timeout=0.2).query()
    (tool,) = started
    assert tool.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{tool.pid}").exists()


async def test_a_cancelled_caller_leaves_no_tool_behind(script: Script, tmp_path: Path) -> None:
    fifo = tmp_path / "started"
    os.mkfifo(fifo)
    script("cibadmin", f"echo $$ > {fifo}; exec sleep 60")
    work = asyncio.create_task(Tools().query())
    pid = (await asyncio.to_thread(fifo.read_text)).strip()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert not Path(f"/proc/{pid}").exists()


async def test_a_tool_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="install pacemaker-cli-utils"):
        await Tools().query()
