"""What crm_simulate says of a plan, and how it is run."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import pytest

from qmfagent.cib.simulation.outcome import Action
from qmfagent.cib.simulation.preview import Preview
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import ClusterError
from qmfagent.pacemaker.simulation import CrmSimulate
from tests.pacemaker.clusters import STANDBY, attribute, cluster, did, dummy, group, meta, promotable, started

pytestmark = [pytest.mark.pacemaker, pytest.mark.usefixtures("pacemaker_tools")]

DB = dummy("db")
ON_N2 = '<rsc_location id="l" rsc="db" node="n2" score="INFINITY"/>'
TICKET = '<rsc_ticket id="t" rsc="db" ticket="T"/>'
BOUND = '<rsc_ticket id="t" rsc="pc" rsc-role="Promoted" ticket="T" loss-policy="demote"/>'
PARAMETER = '<instance_attributes id="ia"><nvpair id="ia-f" name="fake" value="x"/></instance_attributes>'
FENCING = '<primitive id="f" class="stonith" type="fence_dummy"/>'
PROMOTED = did("p", ("start", 0), ("promote", 0), kind="Stateful")
MASTER = attribute("master-p", "10")
WAIT = 60.0


async def previewed(target: Snapshot, candidate: Snapshot) -> Preview:
    """The preview of one configuration in place of another."""
    preview = await CrmSimulate().preview(target, candidate)
    assert preview.reason == ""
    return preview


CHANGES = {
    "start": (cluster(), cluster(DB), Action("start", "db", "", "n1")),
    "stop": (
        cluster(DB, n1=started("db")),
        cluster(DB, TICKET, n1=started("db")),
        Action("stop", "db", "n1", "", "node availability"),
    ),
    "stop of what is deleted": (
        cluster(DB, n1=started("db")),
        cluster(n1=started("db")),
        Action("stop", "db", "n1", "", "node availability"),
    ),
    "restart": (
        cluster(DB, n1=started("db")),
        cluster(dummy("db", PARAMETER), n1=started("db")),
        Action("restart", "db", "n1", "n1", "resource definition change"),
    ),
    "move": (cluster(DB, n1=started("db")), cluster(DB, ON_N2, n1=started("db")), Action("move", "db", "n1", "n2")),
    "migrate": (
        cluster(dummy("db", meta("db", allow_migrate="true")), n1=started("db")),
        cluster(dummy("db", meta("db", allow_migrate="true")), ON_N2, n1=started("db")),
        Action("migrate", "db", "n1", "n2"),
    ),
    "promote": (
        cluster(promotable("pc", "p"), BOUND, n1=started("p", kind="Stateful"), attributes=MASTER, node2=STANDBY),
        cluster(promotable("pc", "p"), n1=started("p", kind="Stateful"), attributes=MASTER, node2=STANDBY),
        Action("promote", "p", "n1", "n1", role="Promoted"),
    ),
    "demote": (
        cluster(promotable("pc", "p"), n1=PROMOTED, attributes=MASTER, node2=STANDBY),
        cluster(promotable("pc", "p"), BOUND, n1=PROMOTED, attributes=MASTER, node2=STANDBY),
        Action("demote", "p", "n1", "n1", role="Unpromoted"),
    ),
    "fence": (
        cluster(DB + FENCING, n1=started("db") + did("f", ("monitor", 7)), stonith_enabled="true", node2=STANDBY),
        cluster(
            DB + FENCING,
            TICKET.replace("/>", ' loss-policy="fence"/>'),
            n1=started("db") + did("f", ("monitor", 7)),
            stonith_enabled="true",
            node2=STANDBY,
        ),
        Action("Fence (reboot)", "", "n1", "n1", "deadman ticket was lost"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_a_plan_causes(change: str) -> None:
    target, candidate, action = CHANGES[change]
    assert action in (await previewed(target, candidate)).actions
    assert (await previewed(target, target)).actions == ()


async def test_what_would_happen_anyway_is_told_apart() -> None:
    history = started("gone") + did("ill", ("start", 0), ("monitor", 7), interval=0)
    due = cluster(dummy("due"), n1=history)
    preview = await previewed(due, cluster(dummy("due") + dummy("new"), n1=history))
    assert [action.resource for action in preview.actions] == ["new"]
    assert {(action.action, action.resource) for action in preview.anyway} == {("start", "due"), ("stop", "gone")}
    assert preview.blocked == ()


async def test_a_recovery_that_is_due_is_not_the_plans() -> None:
    failed = did("db", ("start", 0)).replace("</lrm_resource>", "") + did(
        "db", ("monitor", 1), interval=10000
    ).partition(">")[2].replace('call-id="1"', 'call-id="2"')
    preview = await previewed(cluster(DB, n1=failed), cluster(DB + dummy("new"), n1=failed))
    assert [(action.action, action.resource) for action in preview.anyway] == [("recover", "db")]


async def test_instances_have_the_names_of_the_cib() -> None:
    unique = f'<clone id="c">{meta("c", globally_unique="true", clone_max="3", clone_node_max="2")}{dummy("u")}</clone>'
    bundle = (
        '<bundle id="b"><podman image="i" replicas="2"/><network ip-range-start="10.0.0.5" control-port="3121"/>'
        f"{dummy('inside')}</bundle>"
    )
    guest = dummy("vm", meta("vm", remote_node="guest"))
    clone = f'<clone id="gc">{group("g", "one", "two")}</clone>'
    preview = await previewed(cluster(), cluster(unique + bundle + guest + clone))
    assert {action.resource for action in preview.actions} == {"u", "b", "inside", "vm", "one", "two"}
    assert Action("start", "b", "", "n1") in preview.actions
    assert len(set(preview.actions)) == len(preview.actions)


async def test_what_the_plan_brings_and_can_not_run() -> None:
    stopped = '<rsc_location id="l1" rsc="new" node="n1" score="-INFINITY"/>'
    preview = await previewed(cluster(), cluster(dummy("new"), stopped, node2=STANDBY))
    assert [blocked.to_map() for blocked in preview.blocked] == [
        {
            "resource": "new",
            "role": "Started",
            "reason": "location",
            "message": "location l1 keeps it off n1; n2 is in standby",
        }
    ]
    assert preview.actions == ()


async def test_what_waits_for_a_ticket_is_not_told_as_blocked() -> None:
    assert (await previewed(cluster(), cluster(DB, TICKET))).blocked == ()


async def test_what_did_not_run_before_is_not_told_as_blocked() -> None:
    off = cluster(dummy("db", meta("db", target_role="Stopped")))
    assert (await previewed(off, cluster(dummy("db", meta("db", target_role="Stopped")) + dummy("x")))).blocked == ()


async def test_an_unmanaged_resource_is_left_alone() -> None:
    unmanaged = dummy("db", meta("db", is_managed="false"))
    preview = await previewed(cluster(unmanaged, n1=started("db")), cluster(unmanaged, TICKET, n1=started("db")))
    assert preview == Preview()


# -- how it is run


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let something else be crm_simulate."""
    tool = folder / "crm_simulate"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_nothing_is_left_behind_and_nothing_else_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "cib.xml"
    other.write_text("untouched")
    monkeypatch.setenv("CIB_file", str(other))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cib = cluster(DB, TICKET)
    before = cib.to_element()
    await CrmSimulate().grant(cib, "T")
    assert other.read_text() == "untouched"
    assert list(tmp_path.iterdir()) == [other]
    assert cib.config_digest == Snapshot.of(before).config_digest
    assert cib.tickets == {}


async def lines_in(path: Path, count: int) -> list[str]:
    """The lines of a file, once there are so many."""
    async with asyncio.timeout(WAIT):
        while not path.exists() or path.read_text().count("\n") < count:
            await asyncio.sleep(0.01)
    return path.read_text().splitlines()


async def test_what_takes_too_long_is_given_up_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is killed can't tidy up: the copy of the CIB that crm_simulate has made goes all the same."""
    loop, ahead = asyncio.get_running_loop(), 0.0
    monkeypatch.setattr(loop, "time", lambda: time.monotonic() + ahead)
    stand_in(tmp_path, 'cat > "$CIB_shadow_dir/shadow.1"; echo $$ >> "$PIDS"; exec sleep 60', monkeypatch)
    pids, private = tmp_path / "pids", tmp_path / "private"
    private.mkdir()
    monkeypatch.setenv("PIDS", str(pids))
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    previewing = asyncio.create_task(CrmSimulate(1000).preview(cluster(), cluster(DB)))
    running = await lines_in(pids, 2)
    assert len(list(private.glob("*/shadow.1"))) == 2
    ahead = 1000
    assert await previewing == Preview(reason="crm_simulate has not come to an end within 1000 s")
    assert list(private.iterdir()) == []
    for pid in running:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def test_a_cancelled_caller_takes_the_tool_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, 'cat > /dev/null; echo $$ >> "$PIDS"; exec sleep 60', monkeypatch)
    pids = tmp_path / "pids"
    monkeypatch.setenv("PIDS", str(pids))
    task = asyncio.create_task(CrmSimulate(1000).preview(cluster(), cluster(DB)))
    running = await lines_in(pids, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for pid in running:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


async def test_only_so_many_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path,
        'cat > /dev/null; : > "$RUNNING/$$"; ls "$RUNNING" | wc -l >> "$SEEN"'
        '; while [ ! -e "$GO" ]; do sleep 0.05; done; rm "$RUNNING/$$"'
        "; echo '<pacemaker-result><cluster_status/></pacemaker-result>'",
        monkeypatch,
    )
    running, seen, go = (tmp_path / name for name in ("running", "seen", "go"))
    running.mkdir()
    for name, path in (("RUNNING", running), ("SEEN", seen), ("GO", go)):
        monkeypatch.setenv(name, str(path))
    simulate = CrmSimulate(1000)
    previewing = [asyncio.create_task(simulate.preview(cluster(), cluster(DB))) for _ in range(3)]
    await lines_in(seen, 2)
    await asyncio.sleep(0.1)
    go.touch()
    assert {preview.reason for preview in await asyncio.gather(*previewing)} == {""}
    assert len(counts := list(map(int, seen.read_text().split()))) == 6
    assert max(counts) == 2


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("cat > /dev/null; exit 3", "crm_simulate: exit 3"),
        ("cat > /dev/null; kill -ABRT $$", "crm_simulate: ended by signal 6"),
        ("cat > /dev/null; echo nonsense", "the output of crm_simulate is not well-formed XML"),
        ("cat > /dev/null; echo '<pacemaker-result/>'", "the output of crm_simulate has no cluster status in it"),
    ],
)
async def test_a_failure_is_no_more_than_a_plan_without_preview(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, script, monkeypatch)
    preview = await CrmSimulate().preview(cluster(), cluster(DB))
    assert preview.reason.startswith(message)
    assert preview.actions == preview.anyway == preview.blocked == ()


async def test_without_crm_simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (await CrmSimulate().preview(cluster(), cluster(DB))).reason.startswith("crm_simulate can't be run")


async def test_a_cib_of_a_newer_pacemaker() -> None:
    """A scheduler that is older than who wrote the CIB aborts."""
    newer = cluster(DB)
    newer.head["crm_feature_set"] = "99.0.0"
    with pytest.raises(ClusterError) as failed:
        await CrmSimulate().grant(newer, "T")
    assert failed.value.message == "crm_simulate: ended by signal 6"
    assert failed.value.hint == "this machine's Pacemaker may be older than the one that wrote the CIB"
