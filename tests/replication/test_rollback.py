"""A rollback brings back exactly what was owned before a change, whatever happened since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lxml import etree

from qmfagent.cib.ownership import owned_ids
from qmfagent.cib.snapshot import Snapshot
from qmfagent.errors import Refused
from qmfagent.replication.applying.applier import Applier
from tests.replication.conftest import SOURCE, TARGET
from tests.replication.fakes import ACCEPTANCE, FakeRemotes, MemoryLedger, MemoryStore, publication, unmangled

HAND = """<primitive id="hand" class="ocf" provider="heartbeat" type="apache"><instance_attributes id="hand-ia">
<nvpair id="hand-v" name="port" value="{}"/></instance_attributes></primitive>"""
HAND_TICKET = '<rsc_ticket id="ticket-hand" rsc="hand" ticket="T"/>'
"""What somebody carried to both sites by hand."""


def with_hand(cib: bytes, value: str) -> bytes:
    """A CIB with that too."""
    return (
        cib.replace(b"<constraints/>", b"<constraints></constraints>")
        .replace(b"</resources>", HAND.format(value).encode() + b"</resources>")
        .replace(b"</constraints>", HAND_TICKET.encode() + b"</constraints>")
    )


class Site:
    """Site b, where site a's publications arrive."""

    def __init__(self, cib: bytes = TARGET) -> None:
        self.store = MemoryStore(cib)
        self.ledger = MemoryLedger()
        self.remotes = FakeRemotes()
        self.version = 5
        self.publish(SOURCE)
        self.remotes.hold("a")
        self.restart()

    def restart(self) -> None:
        self.applier = Applier("b", self.store, self.remotes, unmangled, self.ledger, ACCEPTANCE)

    def publish(self, cib: bytes) -> None:
        self.version += 1
        self.remotes.published["a"] = publication(version=self.version, cib=cib)

    async def replicate(self, *, adopt: bool = False) -> int:
        """Take the newest publication: the number of the change."""
        prepared = await self.applier.plan("T", adopt=adopt)
        return (await self.applier.carry_out(prepared, "x")).change

    async def roll_back(self, change: int) -> int:
        prepared = await self.applier.plan_rollback(change)
        assert prepared.plan.errors == ()
        return (await self.applier.carry_out(prepared, "x")).change

    async def refused(self, work: Awaitable[Any]) -> str:
        with pytest.raises(Refused) as refused:
            await work
        return refused.value.reason

    @property
    def owned(self) -> dict[str, bytes]:
        here = self.store.current
        return {i: here.lines[i] for i in owned_ids(here, "T")}

    def edit(self, edit: Callable[[etree._Element], object]) -> None:
        """Change the CIB as another administrator does."""
        cib = self.store.current.to_element()
        edit(cib)
        cib.set("epoch", str(int(cib.get("epoch", "0")) + 1))
        self.store.current = Snapshot.of(cib)

    def set_value(self, nvpair: str, value: str) -> None:
        self.edit(lambda cib: cib.find(f".//nvpair[@id='{nvpair}']").set("value", value))


@pytest.fixture
def site() -> Site:
    return Site()


async def test_what_a_change_created_goes(site: Site) -> None:
    before = dict(site.store.current.lines)
    await site.roll_back(await site.replicate())
    assert site.store.current.lines == before


async def test_what_a_change_edited_is_as_it_was(site: Site) -> None:
    await site.replicate()
    before = site.owned
    site.publish(SOURCE.replace(b"10.1.0.10", b"10.1.0.99"))
    await site.roll_back(await site.replicate())
    assert site.owned == before


async def test_what_a_change_deleted_comes_back(site: Site) -> None:
    await site.replicate()
    before = site.owned
    site.publish(SOURCE.replace(b'<rsc_ticket id="ticket-web" rsc="web" ticket="T" loss-policy="stop"/>', b""))
    change = await site.replicate()
    assert "web" not in site.owned
    await site.roll_back(change)
    assert site.owned == before


async def test_what_a_change_adopted_is_the_sites_own_again_and_not_deleted() -> None:
    site = Site(with_hand(TARGET, "8080"))
    site.publish(with_hand(SOURCE, "80"))
    before = dict(site.store.current.lines)
    change = await site.replicate(adopt=True)
    assert "hand" in site.owned
    prepared = await site.applier.plan_rollback(change)
    assert prepared.plan.released == ("hand", "ticket-hand")
    await site.applier.carry_out(prepared, "x")
    assert site.owned == {}
    assert site.store.current.lines == before


async def test_what_a_later_change_adopted_is_the_sites_own_again_too() -> None:
    site = Site(with_hand(TARGET, "8080"))
    first = await site.replicate()
    site.publish(with_hand(SOURCE, "80"))
    await site.replicate(adopt=True)
    site.publish(SOURCE)
    await site.replicate()
    assert "hand" not in site.store.current.members
    await site.roll_back(first)
    assert b'value="8080"' in site.store.current.lines["hand"]
    assert site.owned == {}


async def test_what_was_given_back_and_deleted_by_its_owner_stays_so() -> None:
    site = Site(with_hand(TARGET, "8080"))
    first = await site.replicate()
    site.publish(with_hand(SOURCE, "80"))
    await site.roll_back(await site.replicate(adopt=True))
    site.edit(
        lambda cib: [e.getparent().remove(e) for e in cib.xpath("//primitive[@id='hand']|//rsc_ticket[@rsc='hand']")]
    )
    await site.roll_back(first)
    assert "hand" not in site.store.current.members


async def test_what_was_given_back_already_is_not_given_back_again() -> None:
    site = Site(with_hand(TARGET, "8080"))
    first = await site.replicate()
    site.publish(with_hand(SOURCE, "80"))
    await site.roll_back(await site.replicate(adopt=True))
    assert (await site.applier.plan_rollback(first)).plan.released == ()


async def test_a_rollback_can_be_rolled_back(site: Site) -> None:
    change = await site.replicate()
    before = site.owned
    undone = await site.roll_back(change)
    await site.roll_back(undone)
    assert site.owned == before
    assert [values["undone"] for values in site.ledger.named("rolled_back")] == [change, undone]


async def test_a_rollback_across_other_changes_and_restarts(site: Site) -> None:
    await site.replicate()
    before = site.owned
    changes = []
    for value in (b"10.1.0.20", b"10.1.0.21", b"10.1.0.22"):
        site.publish(SOURCE.replace(b"10.1.0.10", value))
        changes.append(await site.replicate())
        site.restart()
    await site.roll_back(changes[2])
    await site.roll_back(changes[0])
    assert site.owned == before


async def test_the_order_of_what_pacemaker_takes_as_a_set_comes_back_too(site: Site) -> None:
    pair = b'<nvpair id="vip-ip" name="ip" value="10.1.0.10"/>'
    more = b'<nvpair id="vip-nic" name="nic" value="eth0"/>'
    site.publish(SOURCE.replace(pair, pair + more))
    await site.replicate()
    before = site.owned
    site.publish(SOURCE.replace(pair, more))
    await site.roll_back(await site.replicate())
    assert site.owned == before


async def test_an_edit_made_here_since_is_shown_and_taken_back(site: Site) -> None:
    await site.replicate()
    before = site.owned
    site.publish(SOURCE.replace(b"10.1.0.10", b"10.1.0.99"))
    change = await site.replicate()
    site.set_value("vip-ip", "6.6.6.6")
    prepared, shown = await site.applier.show_rollback(change, "CN=admin")
    (problem,) = prepared.plan.problems
    assert (problem.code, problem.severity) == ("drifted", "warning")
    assert "value of nvpair vip-ip" in problem.message
    assert "6.6.6.6" not in problem.message
    assert (shown["cause"], shown["token"]) == ("rollback", prepared.plan.token)
    (planned,) = site.ledger.named("planned")
    assert (planned["cause"], planned["by"], planned["count"]) == ("rollback", "CN=admin", len(prepared.plan.changes))
    await site.applier.apply(prepared.plan.token, "CN=admin")
    assert site.owned == before


async def test_an_edit_that_was_there_before_the_change_comes_back(site: Site) -> None:
    await site.replicate()
    site.set_value("vip-ip", "6.6.6.6")
    before = site.owned
    site.publish(SOURCE.replace(b"10.1.0.10", b"10.1.0.99"))
    await site.roll_back(await site.replicate())
    assert site.owned == before


async def test_what_is_the_sites_own_is_not_touched(site: Site) -> None:
    change = await site.replicate()
    site.edit(lambda cib: cib.find(".//primitive[@id='local-b']").set("description", "mine"))
    own = site.store.current.lines["local-b"]
    await site.roll_back(change)
    assert site.store.current.lines == {"local-b": own}


async def test_a_local_element_in_the_way_stands_against_it(site: Site) -> None:
    await site.replicate()
    site.publish(SOURCE.replace(b'<rsc_ticket id="ticket-web" rsc="web" ticket="T" loss-policy="stop"/>', b""))
    change = await site.replicate()
    site.edit(lambda cib: etree.SubElement(cib.find(".//resources"), "primitive", {"id": "web", "class": "stonith"}))
    prepared = await site.applier.plan_rollback(change)
    assert {problem.code for problem in prepared.plan.errors} == {"clash"}
    assert prepared.plan.token == ""


async def test_it_pins_and_the_newest_publication_may_come_back_when_unpinned(site: Site) -> None:
    change = await site.replicate()
    await site.roll_back(change)
    standing = site.applier.standing("T")
    assert standing.pinned == change
    assert standing.digest == publication().digest
    site.applier.hold("T", "x", pinned=0)
    await site.replicate()
    assert "vip" in site.owned


async def test_nothing_older_than_what_was_rolled_back_is_taken(site: Site) -> None:
    old = site.remotes.published["a"]
    await site.replicate()
    site.publish(SOURCE.replace(b"10.1.0.10", b"10.1.0.99"))
    await site.roll_back(await site.replicate())
    site.remotes.published["a"] = old
    site.set_value("vip-ip", "6.6.6.6")
    assert await site.refused(site.applier.plan("T")) == "stale"


async def test_refusals(site: Site) -> None:
    assert await site.refused(site.applier.plan_rollback(1)) == "unknown-change"
    change = await site.replicate()
    site.applier.hold("T", "x", paused=True)
    held = len(site.ledger.records)
    assert await site.refused(site.applier.plan_rollback(held)) == "unknown-change"
    before = site.ledger.recorded(change).values["before"]
    document = site.ledger.documents.pop(before)
    assert await site.refused(site.applier.plan_rollback(change)) == "too-old"
    site.ledger.documents[before] = document
    site.remotes.claimed.clear()
    assert (await site.applier.plan_rollback(change)).plan.token


@pytest.mark.parametrize("claims", [("b",), ("a", "c"), ("a", "b")])
@pytest.mark.parametrize("what", ["rollback", "healing", "publication"])
async def test_a_holder_and_a_split_refuse_whatever_it_is(site: Site, claims: tuple[str, ...], what: str) -> None:
    """Both when it is planned and when it is carried out."""
    change = await site.replicate()
    site.set_value("vip-ip", "6.6.6.6")

    def plan() -> Awaitable[Any]:
        if what == "rollback":
            return site.applier.plan_rollback(change)
        return site.applier.plan_heal("T") if what == "healing" else site.applier.plan("T")

    token = (await plan()).plan.token
    assert token
    site.remotes.claimed.clear()
    for name in claims:
        if name == "b":
            status = etree.fromstring('<status><tickets><ticket_state id="T" granted="true"/></tickets></status>')
            site.store.current.status = status
            site.store.current = Snapshot.of(site.store.current.to_element())
        else:
            others = dict(site.remotes.claimed)
            site.remotes.hold(name)
            site.remotes.claimed |= {other: claim for other, claim in others.items() if claim.granted}
    reason = "holder" if claims == ("b",) else "split"
    written = site.store.applied
    assert await site.refused(site.applier.apply(token, "x")) == reason
    assert await site.refused(plan()) == reason
    assert site.store.applied == written


async def test_healing_goes_back_to_what_was_delivered_and_to_nothing_newer(site: Site) -> None:
    await site.replicate()
    before = site.owned
    site.publish(SOURCE.replace(b"10.1.0.10", b"10.1.0.99"))
    site.set_value("vip-ip", "6.6.6.6")
    site.edit(lambda cib: [e.getparent().remove(e) for e in cib.xpath("//rsc_colocation")])
    prepared = await site.applier.plan_heal("T")
    assert {problem.code for problem in prepared.plan.problems} == {"drift"}
    applied = await site.applier.carry_out(prepared, "automatic")
    assert site.owned == before
    assert (applied.cause, applied.digest) == ("healing", publication().digest)
    (healed,) = site.ledger.named("drift_healed")
    assert (healed["by"], healed["count"]) == ("automatic", 2)
    assert not (await site.applier.plan_heal("T")).plan.changes


async def test_healing_can_be_rolled_back(site: Site) -> None:
    await site.replicate()
    site.set_value("vip-ip", "6.6.6.6")
    edited = site.owned
    change = (await site.applier.carry_out(await site.applier.plan_heal("T"), "x")).change
    await site.roll_back(change)
    assert site.owned == edited


async def test_nothing_is_healed_where_nothing_was_delivered(site: Site) -> None:
    assert await site.refused(site.applier.plan_heal("T")) == "not-delivered"


# -- whatever happens in between

_ADDRESSES = st.sampled_from(["10.1.0.1", "10.1.0.2", "ä<&>", ""])


class Rollbacks(RuleBasedStateMachine):
    """Publications, adoptions, edits, rollbacks and restarts, in any order, at a site with something of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.before: dict[int, tuple[dict[str, bytes], bool]] = {}

    def teardown(self) -> None:
        self.loop.close()

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(by_hand=st.booleans())
    def begin(self, by_hand: bool) -> None:
        self.site = Site(with_hand(TARGET, "8080") if by_hand else TARGET)
        self.own = self.site.store.current.lines["local-b"]

    def carry_out(self, prepared: Any) -> None:
        if prepared.plan.token:
            before = self.site.owned, self.hand_is_local
            self.before[self.run(self.site.applier.carry_out(prepared, "x")).change] = before

    @property
    def hand_is_local(self) -> bool:
        return "hand" in self.site.store.current.members and "hand" not in self.site.owned

    @rule(
        value=_ADDRESSES,
        hand=st.booleans(),
        web=st.booleans(),
        pairs=st.permutations(["ip", "nic", "mask"]),
        n=st.integers(1, 3),
    )
    def publish(self, value: str, hand: bool, web: bool, pairs: list[str], n: int) -> None:
        root = etree.fromstring(with_hand(SOURCE, "80") if hand else SOURCE)
        attributes = root.find(".//instance_attributes[@id='vip-ia']")
        attributes[:] = [
            etree.Element("nvpair", {"id": f"vip-{name}", "name": name, "value": value}) for name in pairs[:n]
        ]
        if not web:
            ticket = root.find(".//rsc_ticket[@id='ticket-web']")
            ticket.getparent().remove(ticket)
        self.site.publish(etree.tostring(root))

    @rule(adopt=st.booleans())
    def replicate(self, adopt: bool) -> None:
        self.carry_out(self.run(self.site.applier.plan("T", adopt=adopt)))

    @precondition(lambda self: self.before)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        change = data.draw(st.sampled_from(sorted(self.before)))
        prepared = self.run(self.site.applier.plan_rollback(change))
        assert prepared.plan.errors == ()
        self.carry_out(prepared)
        owned, hand_is_local = self.before[change]
        assert self.site.owned == owned
        assert not hand_is_local or self.hand_is_local

    @precondition(lambda self: self.site.owned)
    @rule()
    def heal(self) -> None:
        self.carry_out(self.run(self.site.applier.plan_heal("T")))

    @precondition(lambda self: self.site.store.current.ids.keys() & {"vip-ip", "hand-v"})
    @rule(value=_ADDRESSES, data=st.data())
    def edit_here(self, value: str, data: st.DataObject) -> None:
        names = sorted(self.site.store.current.ids.keys() & {"vip-ip", "hand-v"})
        self.site.set_value(data.draw(st.sampled_from(names)), value)

    @precondition(lambda self: "web-with-vip" in self.site.store.current.members)
    @rule()
    def delete_here(self) -> None:
        self.site.edit(lambda cib: [e.getparent().remove(e) for e in cib.xpath("//rsc_colocation")])

    @rule()
    def restart(self) -> None:
        self.site.restart()
        self.run(self.site.applier.recover(self.site.store.current))

    @invariant()
    def what_is_the_sites_own_is_never_touched(self) -> None:
        assert self.site.store.current.lines["local-b"] == self.own


def test_what_a_rollback_of_a_rollback_took_over_again_is_given_back() -> None:
    """Found by the machine: that it had been adopted before the first of them was forgotten, and it was deleted."""
    machine = Rollbacks()
    machine.begin(by_hand=True)
    machine.replicate(adopt=False)
    first = max(machine.before)
    machine.publish("10.1.0.1", hand=True, web=False, pairs=["ip"], n=1)
    machine.replicate(adopt=True)
    machine.publish("10.1.0.1", hand=False, web=False, pairs=["ip"], n=1)
    back(machine, first)
    rollback = max(machine.before)
    back(machine, rollback)
    machine.replicate(adopt=False)
    back(machine, rollback)
    back(machine, first)
    assert machine.hand_is_local
    machine.teardown()


def test_what_an_earlier_adoption_stands_for_again_is_given_back() -> None:
    """Found by the machine: a rollback of what came before the change brought the adoption back, and it was deleted."""
    machine = Rollbacks()
    machine.begin(by_hand=True)
    machine.publish("10.1.0.1", hand=True, web=True, pairs=["ip"], n=1)
    machine.replicate(adopt=True)
    first = max(machine.before)
    machine.delete_here()
    back(machine, first)
    rollback = max(machine.before)
    machine.replicate(adopt=True)
    second = max(machine.before)
    back(machine, rollback)
    back(machine, second)
    assert machine.hand_is_local
    machine.teardown()


def back(machine: Rollbacks, change: int) -> None:
    """Roll back that change."""
    machine.carry_out(machine.run(machine.site.applier.plan_rollback(change)))


TestRollbacks = Rollbacks.TestCase
TestRollbacks.settings = settings(
    max_examples=300,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
