"""What every store of the CIB must do, whatever is behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lxml import etree

from qmfagent.cib import document
from qmfagent.cib.plans.difference import Change, to_patchset
from qmfagent.cib.plans.upgrade import Upgrade
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.version import Version
from qmfagent.errors import ConfigurationChanged, Disconnected, WriteRejected


def creation(identifier: str, **attributes: str) -> str:
    """A patchset without versions that creates a primitive."""
    words = {"class": "ocf", "provider": "pacemaker", "type": "Dummy"} | attributes
    text = " ".join(f'{name}="{value}"' for name, value in words.items())
    return (
        '<diff format="2"><change operation="create" path="/cib/configuration/resources" position="0">'
        f'<primitive id="{identifier}" {text}/></change></diff>'
    )


def canonical(snapshot: Snapshot) -> bytes:
    return document.canonical(snapshot.to_element())


async def settled(subject: Any) -> Snapshot:
    """The CIB as cibadmin has it, once the store has the same."""
    async with asyncio.timeout(60):
        while True:
            truth: Snapshot = await subject.truth()
            seen = Snapshot.parse((await subject.do("snapshot"))["xml"].encode())
            if canonical(seen) == canonical(truth):
                return truth
            await asyncio.sleep(0.05)


def configuration(version: Version) -> tuple[int, int]:
    """What a version says of the configuration; the status of a real cluster changes now and then by itself."""
    return version.admin_epoch, version.epoch


async def nothing_is_left(subject: Any, before: Snapshot) -> None:
    """The CIB is as it was, of a real cluster the configuration."""
    truth = await subject.truth()
    assert (configuration(truth.version), truth.config_digest) == (configuration(before.version), before.config_digest)
    if subject.kind == "file":
        assert canonical(truth) == canonical(before)


async def test_the_snapshot_is_the_cib(subject: Any) -> None:
    assert await subject.do("source") == [subject.kind, True]
    async with asyncio.timeout(60):
        while True:
            truth = await settled(subject)
            seen, version = await subject.do("snapshot"), await subject.do("version")
            assert seen["digest"] == truth.config_digest
            # Once more where the status has changed since.
            if seen["version"] == version == str(truth.version):
                break


async def test_a_change_by_another_is_told_with_who_made_it(subject: Any) -> None:
    before = await settled(subject)
    subject.forget_changes()
    await subject.edit("other")
    after = before.version.after_configuration_change()
    change = await subject.next_change()
    while Version.parse(change["version"]) < after:
        change = await subject.next_change()
    assert change["digest"] == (await subject.truth()).config_digest != before.config_digest
    assert not change["resync"]
    # cibadmin notes nobody in a file; libcib hands the daemon's patchset on.
    expected = ("", "") if subject.kind == "file" else ("cibadmin", "root")
    assert (change["client"], change["user"]) == expected
    assert (change["patchset"] is not None) == (subject.kind == "libcib")
    await settled(subject)


async def test_a_ticket_changed_by_another_is_told(subject: Any) -> None:
    before = await settled(subject)
    subject.forget_changes()
    await subject.run("crm_ticket", "--ticket=T", "--grant", "--force")
    tickets: dict[str, list[bool]] = {}
    while "T" not in tickets:
        change = await subject.next_change()
        assert change["digest"] == before.config_digest
        assert (change["client"], change["resync"]) == ("", False)
        tickets = (await subject.do("snapshot"))["tickets"]
    assert tickets["T"] == [True, False]


async def test_apply_is_one_change_of_our_own(subject: Any) -> None:
    before = await settled(subject)
    subject.forget_changes()
    version = await subject.do("apply", patchset=creation("mine"), digest=before.config_digest)
    assert version == str(before.version.after_configuration_change())
    change = await subject.next_change()
    while change["digest"] == before.config_digest:
        change = await subject.next_change()
    assert (change["client"], change["user"]) == ("contract", "root")
    assert Version.parse(change["version"]) >= Version.parse(version)
    seen = await subject.do("snapshot")
    assert Version.parse(seen["version"]) >= Version.parse(version)
    truth = await settled(subject)
    assert list(truth.members) == ["mine"]
    assert truth.version.epoch == before.version.epoch + 1
    assert truth.head["cib-last-written"]


async def test_apply_is_refused_when_the_configuration_has_changed(subject: Any) -> None:
    before = await settled(subject)
    await subject.edit("other")
    with pytest.raises(ConfigurationChanged, match="plan again"):
        await subject.do("apply", patchset=creation("mine"), digest=before.config_digest)
    truth = await settled(subject)
    assert list(truth.members) == ["other"]


async def test_apply_is_not_refused_because_the_status_changes(subject: Any) -> None:
    digest = (await settled(subject)).config_digest
    # Who writes to a file holds its lock, and must leave it to others for a while.
    churn = await subject.churn(rate=20 if subject.kind == "file" else 100, count=100_000)
    await subject.next_change()
    for number in range(6):
        await subject.do("apply", patchset=creation(f"mine-{number}"), digest=digest)
        digest = (await subject.do("snapshot"))["digest"]
        await subject.next_change(digest=digest, client="")
    assert churn.returncode is None
    churn.kill()
    await churn.communicate()
    truth = await settled(subject)
    assert len(truth.members) == 6


async def test_apply_may_raise_the_schema_and_leaves_the_other_attributes(subject: Any) -> None:
    def patchset(schema: str, identifier: str) -> str:
        upgrade = Upgrade("", schema, {"dc-uuid": "stale", "epoch": "0"}).change()
        return creation(identifier).replace("<change ", f"{_change(upgrade)}<change ", 1)

    before = await settled(subject)
    await subject.do("apply", patchset=patchset("pacemaker-3.7", "one"), digest=before.config_digest)
    lower = await settled(subject)
    assert lower.validate_with == "pacemaker-3.7"
    # The tools are to be run twice between two changes, to read and to write.
    churn = await subject.churn(rate=0.3 if subject.kind == "tools" else 20, count=100_000)
    await subject.do("apply", patchset=patchset("pacemaker-3.9", "two"), digest=lower.config_digest)
    churn.kill()
    await churn.communicate()
    truth = await settled(subject)
    assert truth.validate_with == "pacemaker-3.9"
    assert set(truth.members) == {"one", "two"}
    kept = ("admin_epoch", "crm_feature_set", "have-quorum", "dc-uuid")
    assert [truth.head.get(name) for name in kept] == [before.head.get(name) for name in kept]


def _change(change: Change) -> str:
    (element,) = etree.fromstring(to_patchset((change,), Version(0, 0, 0))).iterfind("change")
    return etree.tostring(element, encoding="unicode")


async def test_what_breaks_the_schema_is_rejected_and_leaves_nothing(subject: Any) -> None:
    before = await settled(subject)
    with pytest.raises(WriteRejected, match=r"bogus|content|attribute"):
        await subject.do("apply", patchset=creation("mine", bogus="1"), digest=before.config_digest)
    await nothing_is_left(subject, before)


async def test_what_does_not_fit_is_rejected_and_leaves_nothing(subject: Any) -> None:
    before = await settled(subject)
    patchset = (
        '<diff format="2"><change operation="modify" path="/cib/configuration/resources/primitive[@id=\'absent\']">'
        '<change-result><primitive id="absent"/></change-result></change></diff>'
    )
    with pytest.raises(WriteRejected, match="absent"):
        await subject.do("apply", patchset=patchset, digest=before.config_digest)
    await nothing_is_left(subject, before)


async def test_no_change_writes_nothing(subject: Any) -> None:
    before = await settled(subject)
    version = await subject.do("apply", patchset='<diff format="2"/>', digest=before.config_digest)
    assert configuration(Version.parse(version)) == configuration(before.version)
    await nothing_is_left(subject, before)


async def test_tickets(subject: Any) -> None:
    digest = (await settled(subject)).config_digest
    for action, expected in [
        ("grant", [True, False]),
        ("standby", [True, True]),
        ("activate", [True, False]),
        ("revoke", [False, False]),
    ]:
        await subject.do("ticket", name="T", action=action)
        assert (await subject.do("snapshot"))["tickets"]["T"] == expected
        state = (await subject.truth()).tickets["T"]
        assert [state.granted, state.standby] == expected
        assert state.last_granted > 0
    assert (await settled(subject)).config_digest == digest


async def test_a_cib_that_goes_away_and_comes_back(subject: Any) -> None:
    before = await settled(subject)
    subject.forget_changes()
    await asyncio.to_thread(subject.vanish)
    try:
        assert await subject.next_loss()
        assert await subject.do("source") == [subject.kind, False]
        with pytest.raises(Disconnected):
            await subject.do("snapshot")
        with pytest.raises(Disconnected):
            await subject.do("apply", patchset=creation("mine"), digest=before.config_digest)
        with pytest.raises(Disconnected):
            await subject.do("ticket", name="T", action="grant")
    finally:
        await asyncio.to_thread(subject.come_back)
    await subject.next_change(resync=True)
    assert await subject.do("source") == [subject.kind, True]
    await settled(subject)
    await subject.edit("later")
    assert "later" in (await settled(subject)).members


async def test_a_reader_that_stood_still_sees_the_newest_cib(subject: Any) -> None:
    """libcib: more than cluster-ipc-limit (500) notifications unread, so the daemon throws the store out."""
    await settled(subject)
    count = 800 if subject.kind == "libcib" else 50
    subject.forget_changes()
    async with subject.suspended():
        churn = await subject.churn(rate=200, count=count, padding=4000)
        assert await churn.wait() == 0
    await subject.edit("after")
    if subject.kind == "libcib":
        await subject.next_change(resync=True)  # Until then the store says that it is not there.
    truth = await settled(subject)
    assert "after" in truth.members


async def test_a_thousand_changes_are_all_seen_and_cost_no_memory(subject: Any) -> None:
    await (await subject.churn(rate=200, count=200, padding=4000)).wait()
    await settled(subject)
    subject.forget_changes()
    before = await subject.do("rss")
    for _ in range(5):
        churn = await subject.churn(rate=200, count=200, padding=4000)
        assert await churn.wait() == 0
        # However little of the processor the store gets, no more than these are unread.
        truth = await settled(subject)
    grown = await subject.do("rss") - before
    assert grown < 4 * 2**20, f"{grown:,} bytes"
    if subject.kind == "libcib":
        seen = [item["change"] for item in drain(subject.changes)]
        assert len(seen) >= 1000
        assert not any(change["resync"] for change in seen)
        assert Version.parse(seen[-1]["version"]) >= truth.version


def drain(queue: asyncio.Queue[dict[str, Any]]) -> list[dict[str, Any]]:
    items = []
    while not queue.empty():
        items.append(queue.get_nowait())
    return items
