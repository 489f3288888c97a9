"""`qmfagent check`, run in this process."""

from __future__ import annotations

import asyncio

import pytest

from qmfagent.__main__ import cli


async def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit status and the line of the command with these arguments."""
    capsys.readouterr()
    status = await asyncio.to_thread(cli.main, ["check", *arguments], "qmfagent", standalone_mode=False)
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.endswith("\n")
    assert printed.out.count("\n") == 1
    return int(status), printed.out
