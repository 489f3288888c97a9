"""What is written is recorded before and after, and a write that nobody saw the end of is settled by what the CIB shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from lxml import etree

from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.snapshot import Snapshot
from qmfagent.cib.ticket import Term
from qmfagent.cib.version import Version
from qmfagent.errors import ConfigurationChanged, Disconnected, QmfAgentError, Refused
from qmfagent.replication.applying.applier import Applier
from qmfagent.replication.applying.intent import APPLYING, OUTCOMES
from qmfagent.replication.standing import Standing
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled


class Killed(BaseException):
    """The agent was killed here."""


class Site:
    """Site b, whose agent can be killed and started again on the same CIB and journal."""

    def __init__(self, cib: bytes = TARGET) -> None:
        self.store = MemoryStore(cib)
        self.ledger = MemoryLedger()
        self.remotes = FakeRemotes(published={"a": publication()})
        self.remotes.hold("a")
        self.start()

    def start(self) -> None:
        self.applier = Applier("b", self.store, self.remotes, unmangled, self.ledger, ACCEPTANCE)

    async def restart(self) -> None:
        self.start()
        await self.applier.recover(self.store.current)

    def publish(self, value: str, **order: int) -> None:
        self.remotes.published["a"] = publication(cib=SOURCE.replace(b"10.1.0.10", value.encode()), **order)

    async def replicate(self) -> int:
        prepared = await self.applier.plan("T")
        return (await self.applier.carry_out(prepared, "x")).change

    @property
    def address(self) -> str | None:
        """The value that every new publication brings another of; None where nothing is here."""
        found = self.store.current.ids.get("vip-ip")
        return None if found is None else found.get("value")

    @property
    def outcome(self) -> tuple[str, str]:
        """The last thing that was told of a write: its name, and who by or, for a failure, why."""
        (record,) = self.ledger.of_ticket("T", OUTCOMES, 1)
        return record.name, str(record.values.get("reason") or record.values["by"])

    def edit(self, old: bytes, new: bytes) -> None:
        """Change the CIB as another administrator does."""
        self.store.current = Snapshot.parse(written(self.store.current).replace(old, new))


def written(snapshot: Snapshot) -> bytes:
    return etree.tostring(snapshot.to_element())


@pytest.fixture
def site() -> Site:
    return Site()


async def test_what_is_to_be_written_is_recorded_before_with_its_documents(site: Site) -> None:
    seen = []
    apply = site.store.apply

    async def looking(patchset: bytes, digest: str) -> Version:
        seen.extend(site.ledger.records)
        return await apply(patchset, digest)

    site.store.apply = looking  # type: ignore[method-assign]
    change = await site.replicate()
    (intent,) = seen
    assert intent.name == APPLYING
    before, delivered = (site.ledger.document(intent.values[name]) for name in ("before", "delivered"))
    assert before is not None
    assert delivered is not None
    assert b"primitive" not in before
    assert b'value="10.1.0.10"' in delivered
    done = site.ledger.recorded(change)
    assert done.name == "applied"
    assert done.number == intent.number + 1
    assert {done.values[name] for name in ("before", "delivered")} == {
        intent.values[name] for name in ("before", "delivered")
    }


async def test_where_a_site_stands_outlives_its_agent(site: Site) -> None:
    await site.replicate()
    await site.restart()
    standing = site.applier.standing("T")
    found = publication()
    assert (standing.publisher, standing.term, standing.version, standing.digest) == (
        "a",
        found.term,
        found.version,
        found.digest,
    )
    delivered = site.applier.measured("T", site.store.current)
    assert delivered == {i: site.store.current.lines[i] for i in owned_ids(site.store.current, "T")}


async def test_nothing_older_is_taken_by_the_next_agent_either(site: Site) -> None:
    site.publish("10.1.0.11", version=7)
    await site.replicate()
    site.publish("10.1.0.12", version=6)
    await site.restart()
    with pytest.raises(Refused) as refused:
        await site.applier.plan("T")
    assert refused.value.reason == "stale"
    assert site.address == "10.1.0.11"


async def test_what_is_here_already_counts_as_taken_too(site: Site) -> None:
    """Equal content of a newer version: what is older than that is stale, although nothing was written."""
    await site.replicate()
    site.publish("10.1.0.10", version=8)
    assert not (await site.applier.plan("T")).plan.changes
    (event,) = site.ledger.named("in_sync")
    assert event["digest"] == publication().digest
    await site.applier.plan("T")
    assert len(site.ledger.named("in_sync")) == 1
    site.publish("10.1.0.12", version=7)
    await site.restart()
    with pytest.raises(Refused, match="is older than"):
        await site.applier.plan("T")


# -- killed at every point


def kill_at_record(site: Site, name: str) -> None:
    site.ledger.problem[name] = Killed()


def kill_before_the_write(site: Site, _: str = "") -> None:
    async def killed(patchset: bytes, digest: str) -> Version:
        raise Killed

    site.store.apply = killed  # type: ignore[method-assign]


def kill_after_the_write(site: Site, _: str = "") -> None:
    apply = site.store.apply

    async def killed(patchset: bytes, digest: str) -> Version:
        await apply(patchset, digest)
        raise Killed

    site.store.apply = killed  # type: ignore[method-assign]


POINTS: list[tuple[Callable[[Site, str], None], str, bool]] = [
    (kill_at_record, APPLYING, False),
    (kill_before_the_write, "", False),
    (kill_after_the_write, "", True),
    (kill_at_record, "applied", True),
]


@pytest.mark.parametrize(("kill", "name", "happened"), POINTS)
@pytest.mark.parametrize("first", [True, False])
async def test_an_apply_killed_at_any_point_is_settled(
    site: Site, kill: Callable[[Site, str], None], name: str, happened: bool, first: bool
) -> None:
    if not first:
        await site.replicate()
        site.publish("10.1.0.11", version=6)
    before = site.store.current
    prepared = await site.applier.plan("T")
    apply = site.store.apply
    kill(site, name)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    site.store.apply = apply  # type: ignore[method-assign]
    assert (site.store.current is before) == (not happened)
    await site.restart()
    announced = name != APPLYING
    if announced:
        assert site.outcome == (("applied", "recovery") if happened else ("apply_failed", "interrupted"))
    version = 5 if first else 6
    taken = version if happened else version - 1 if not first else 0
    assert site.applier.standing("T").version == Version(0, taken, 0)
    settled = len(site.ledger.records)
    await site.restart()
    assert len(site.ledger.records) == settled
    if not happened:
        await site.replicate()
    assert site.address == ("10.1.0.10" if first else "10.1.0.11")
    assert not (await site.applier.plan("T")).plan.changes


async def test_a_rollback_that_was_killed_pins_all_the_same(site: Site) -> None:
    change = await site.replicate()
    prepared = await site.applier.plan_rollback(change)
    kill_after_the_write(site)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    await site.restart()
    assert site.outcome == ("rolled_back", "recovery")
    assert site.ledger.named("rolled_back")[-1]["undone"] == change
    assert site.applier.standing("T").pinned == change


async def test_what_is_held_meanwhile_stays_held(site: Site) -> None:
    prepared = await site.applier.plan("T")
    kill_after_the_write(site)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    site.start()
    site.applier.hold("T", "y", paused=True)
    await site.applier.recover(site.store.current)
    assert site.outcome == ("applied", "recovery")
    assert site.applier.standing("T").paused


@pytest.mark.parametrize(("happened", "outcome"), [(True, "applied"), (False, "apply_failed")])
async def test_who_edits_before_the_agent_is_back_hides_nothing(site: Site, happened: bool, outcome: str) -> None:
    await site.replicate()
    cib = SOURCE.replace(b"10.1.0.10", b"10.1.0.11").replace(
        b'<primitive id="web" class="ocf" provider="heartbeat" type="apache"/>',
        b'<primitive id="web" class="ocf" provider="heartbeat" type="nginx"/>',
    )
    site.remotes.published["a"] = publication(version=6, cib=cib)
    prepared = await site.applier.plan("T")
    (kill_after_the_write if happened else kill_before_the_write)(site)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    site.edit(b"10.1.0.11" if happened else b"10.1.0.10", b"9.9.9.9")
    await site.restart()
    assert site.outcome[0] == outcome


async def test_what_was_to_come_back_and_did_not_was_not_written(site: Site) -> None:
    """The record of what is owned names it, since who deleted it knows nothing of that."""
    await site.replicate()
    cib = site.store.current.to_element()
    (colocation,) = cib.iter("rsc_colocation")
    colocation.getparent().remove(colocation)
    site.store.current = Snapshot.of(cib)
    prepared = await site.applier.plan_heal("T")
    kill_before_the_write(site)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    await site.restart()
    assert site.outcome == ("apply_failed", "interrupted")


async def test_an_unfinished_write_is_settled_before_the_next_where_the_cib_could_not_be_seen(site: Site) -> None:
    prepared = await site.applier.plan("T")
    apply = site.store.apply
    kill_after_the_write(site)
    with pytest.raises(Killed):
        await site.applier.carry_out(prepared, "x")
    site.store.apply = apply  # type: ignore[method-assign]
    site.start()
    site.publish("10.1.0.11", version=6)
    await site.replicate()
    assert [name for name, values in site.ledger.all if name in OUTCOMES] == ["applied", "applied"]
    assert [values["by"] for values in site.ledger.named("applied")] == ["recovery", "x"]


# -- a write whose answer is lost


@pytest.mark.parametrize("happened", [True, False])
async def test_a_write_whose_answer_is_lost_is_looked_after(site: Site, happened: bool) -> None:
    apply = site.store.apply

    async def lost(patchset: bytes, digest: str) -> Version:
        if happened:
            await apply(patchset, digest)
        raise Disconnected("the cluster went away")

    site.store.apply = lost  # type: ignore[method-assign]
    prepared = await site.applier.plan("T")
    if happened:
        assert (await site.applier.apply(prepared.plan.token, "x")).version == site.store.current.version
        assert site.outcome == ("applied", "x")
        return
    with pytest.raises(Disconnected):
        await site.applier.apply(prepared.plan.token, "x")
    assert site.outcome == ("apply_failed", "disconnected")
    assert len(site.ledger.named("apply_failed")) == 1


# -- what is planned while something is written


@pytest.mark.parametrize("cause", ["healing", "publication", "rollback"])
async def test_what_is_planned_during_a_write_is_planned_on_what_it_leaves(site: Site, cause: str) -> None:
    """The CIB shows what is written before the journal has it: nobody may take that for an edit, and heal it."""
    change = await site.replicate()
    site.publish("10.1.0.11", version=6)
    prepared = await site.applier.plan("T")
    written, goes_on, apply = asyncio.Event(), asyncio.Event(), site.store.apply

    async def slow(patchset: bytes, digest: str) -> Version:
        version = await apply(patchset, digest)
        written.set()
        await goes_on.wait()
        return version

    site.store.apply = slow  # type: ignore[method-assign]
    writing = asyncio.create_task(site.applier.carry_out(prepared, "x"))
    await asyncio.wait_for(written.wait(), 10)
    if cause == "rollback":
        planning = asyncio.create_task(site.applier.plan_rollback(change))
    else:
        planning = asyncio.create_task(site.applier.plan_heal("T") if cause == "healing" else site.applier.plan("T"))
    done, _ = await asyncio.wait({planning}, timeout=0.2)
    assert not done
    goes_on.set()
    await writing
    plan = (await planning).plan
    assert [problem.code for problem in plan.problems if problem.code in ("drift", "drifted")] == []
    assert bool(plan.changes) == (cause == "rollback")


# -- what is told of a refusal


async def refusal(site: Site, token: str) -> str:
    with pytest.raises(QmfAgentError) as error:
        await site.applier.apply(token, "x")
    return str(error.value)


async def test_a_refusal_says_what_has_changed_since_the_plan_and_no_values(site: Site) -> None:
    token = (await site.applier.plan("T")).plan.token
    site.edit(
        b'<primitive id="local-b"',
        b'<primitive id="secret-b" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="s-ia">'
        b'<nvpair id="s-pw" name="passwd" value="hunter2"/></instance_attributes></primitive>'
        b'<primitive id="local-b" description="mine"',
    )
    site.store.current.head.update({"update-user": "alice", "update-client": "crm_resource"})
    told = await refusal(site, token)
    assert "primitive 'secret-b' was created" in told
    assert "primitive 'local-b' was changed (description of primitive local-b)" in told
    assert "the last change is by alice with crm_resource" in told
    assert "hunter2" not in told
    assert "mine" not in told
    assert [values["reason"] for values in site.ledger.named("apply_failed")] == ["configuration-changed"]
    assert site.ledger.named(APPLYING) == []


async def test_a_refusal_for_another_reason_says_it_too(site: Site) -> None:
    token = (await site.applier.plan("T")).plan.token
    site.edit(b'id="local-b"', b'id="local-c"')
    site.remotes.hold("c", term=2)
    told = await refusal(site, token)
    assert "c holds ticket 'T' now" in told
    assert "primitive 'local-b' was deleted" in told


async def test_no_more_than_ten_changes_are_named(site: Site) -> None:
    token = (await site.applier.plan("T")).plan.token
    more = b"".join(b'<primitive id="n%d" class="ocf" provider="pacemaker" type="Dummy"/>' % n for n in range(12))
    site.edit(b'<primitive id="local-b"', more + b'<primitive id="local-b"')
    told = await refusal(site, token)
    assert told.count("was created") == 10
    assert "and 2 more" in told


async def test_a_change_beside_the_members_is_told_as_such(site: Site) -> None:
    token = (await site.applier.plan("T")).plan.token
    site.edit(b"<nodes/>", b'<nodes><node id="1" uname="n1"/></nodes>')
    assert "beside resources, constraints and tags" in await refusal(site, token)


async def test_an_edit_at_the_last_moment_is_told_too(site: Site) -> None:
    apply = site.store.apply

    async def disturbed(patchset: bytes, digest: str) -> Version:
        site.edit(b'id="local-b"', b'id="local-c"')
        return await apply(patchset, digest)

    token = (await site.applier.plan("T")).plan.token
    site.store.apply = disturbed  # type: ignore[method-assign]
    assert "primitive 'local-b' was deleted" in await refusal(site, token)
    assert site.outcome == ("apply_failed", "configuration-changed")


async def test_what_became_of_a_token_is_told(site: Site) -> None:
    token = (await site.applier.plan("T")).plan.token
    change = (await site.applier.apply(token, "x")).change
    assert f"it was carried out, as change {change}" in await refusal(site, token)
    site.publish("10.1.0.11", version=6)
    token = (await site.applier.plan("T")).plan.token
    site.applier.plans.discard(token, "it was discarded by y")
    assert "it was discarded by y" in await refusal(site, token)


# -- holds


async def test_what_holds_a_ticket_is_remembered_and_told_once(site: Site) -> None:
    assert site.applier.hold("T", "x", paused=True) == Standing("T", paused=True)
    site.applier.hold("T", "x", paused=True)
    site.applier.hold("T", "y", pinned=7)
    await site.restart()
    assert site.applier.standing("T") == Standing("T", paused=True, pinned=7)
    told = [(values["paused"], values["pinned"], values["by"]) for values in site.ledger.named("hold_changed")]
    assert told == [(True, 0, "x"), (True, 7, "y")]


async def test_an_apply_leaves_what_is_held(site: Site) -> None:
    site.applier.hold("T", "x", paused=True, pinned=7)
    await site.replicate()
    standing = site.applier.standing("T")
    assert (standing.paused, standing.pinned, standing.term) == (True, 7, Term(0, 1))


async def test_a_changed_configuration_is_not_announced_by_the_write_itself(site: Site) -> None:
    """Who planned may plan again, and it was nothing then."""
    prepared = await site.applier.plan("T")
    site.edit(b'id="local-b"', b'id="local-c"')
    with pytest.raises(ConfigurationChanged):
        await site.applier.carry_out(prepared, "automatic")
    assert site.ledger.named("apply_failed") == []
