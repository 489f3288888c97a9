"""An agent that is killed at any point of an apply: the CIB is the old or the new one, and the journal knows which."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.snapshot import Snapshot
from qmfagent.replication.applying.intent import APPLIED, APPLY_FAILED, APPLYING, OUTCOMES
from tests.replication.conftest import TARGET
from tests.replication.killed import running

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("point", "happened", "by"),
    [
        (APPLYING, False, "recovery"),
        ("before", False, "recovery"),
        ("after", True, "recovery"),
        (APPLIED, True, "x"),
    ],
)
async def test_a_killed_apply_is_settled_at_the_next_start(tmp_path: Path, point: str, happened: bool, by: str) -> None:
    cib = tmp_path / "cib.xml"
    cib.write_bytes(TARGET)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.replication.killed", point, str(tmp_path), cwd=ROOT
    )
    assert await asyncio.wait_for(process.wait(), 120) == -signal.SIGKILL
    assert bool(owned_ids(Snapshot.parse(cib.read_bytes()), "T")) == happened
    async with running(tmp_path) as site:
        (outcome,) = site.ledger.of_ticket("T", OUTCOMES, 10)
        assert (outcome.name, outcome.values["by"]) == (APPLIED if happened else APPLY_FAILED, by)
        assert bool(site.applier.standing("T").delivered) == happened
        if not happened:
            await site.replicate()
        here = await site.store.snapshot()
        assert site.applier.measured("T", here) == {i: here.lines[i] for i in owned_ids(here, "T")}
        change = site.ledger.of_ticket("T", (APPLIED,), 1)[0].number
        await site.applier.carry_out(await site.applier.plan_rollback(change), "x")
        after = await site.store.snapshot()
        assert after.lines == Snapshot.parse(TARGET).lines
