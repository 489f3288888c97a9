"""The store in memory does as the real one: the same tests for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from qmfagent.cib import document
from qmfagent.cib.closure.closure import closure
from qmfagent.cib.plans.planning import make_plan
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ConfigurationChanged
from qmfagent.pacemaker.file import FileCib
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import MemoryStore


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    """Either store, with the target's CIB."""
    if request.param == "memory":
        yield MemoryStore(TARGET)
        return
    path = tmp_path / "cib.xml"
    path.write_bytes(TARGET)
    real = FileCib(path)
    await real.start()
    yield real
    await real.stop()


async def test_a_plan_is_applied_as_one_configuration_change(store: Any) -> None:
    before = await store.snapshot()
    plan = make_plan(before, closure(Snapshot.parse(SOURCE), "T"))
    version = await store.apply(plan.patchset, plan.base_digest)
    after = await store.snapshot()
    assert version == after.version == before.version.after_configuration_change()
    expected = Snapshot.parse(TARGET)
    expected = expected.advance(document.parse_element(plan.patchset))
    assert after.config_digest == expected.config_digest


async def test_another_configuration_refuses_it(store: Any) -> None:
    before = await store.snapshot()
    plan = make_plan(before, closure(Snapshot.parse(SOURCE), "T"))
    with pytest.raises(ConfigurationChanged):
        await store.apply(plan.patchset, "0" * 64)
    assert (await store.snapshot()).config_digest == before.config_digest


async def test_nothing_to_change_writes_nothing(store: Any) -> None:
    before = await store.snapshot()
    assert await store.apply(b'<diff format="2"/>', before.config_digest) == before.version
    assert (await store.snapshot()).version == before.version
