"""Whatever administrators do at two sites, and in whatever order the agents hear of it: the laws of replication hold."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lxml import etree

from qmfagent.cib import document
from tests.model.world import ADDRESSES, Site

NAMES = st.sampled_from(["a", "b"])
VALUES = st.sampled_from(["1", "2", "ä<&>", ""])


class TwoSites(RuleBasedStateMachine):
    """The ticket begins at site a, with an address and a group that depend on it, delivered to site b."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.sites = {name: Site(name, Path(self._folder.name)) for name in "ab"}
        for name, site in self.sites.items():
            site.remotes = {other: self.sites[other] for other in "ab" if other != name}
        self.holders = {"a"}
        self.settled = False
        self.number = 0
        self.delivered: list[str] = []
        self.gone: set[str] = set()
        self.local: dict[str, dict[str, bytes]] = {"a": {}, "b": {}}

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        for site in self.sites.values():
            self.run(site.stop())
        self.loop.close()
        self._folder.cleanup()

    @initialize()
    def begin(self) -> None:
        for site in self.sites.values():
            self.run(site.start())
        self.run(self.sites["a"].ticket("grant"))
        self.let_them_follow()

    @property
    def holder(self) -> Site:
        (name,) = self.holders
        return self.sites[name]

    @property
    def other(self) -> Site:
        (other,) = self.holder.remotes.values()
        return other

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    # -- what depends on the ticket, at its holder

    @precondition(lambda self: len(self.holders) == 1)
    @rule()
    def create(self) -> None:
        name = self.new("p")
        resource = (
            f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="{name}-ia">'
            f'<nvpair id="{name}-v" name="fake" value="0"/></instance_attributes></primitive>'
        )
        self.run(self.holder.create(resource, f'<rsc_ticket id="t-{name}" rsc="{name}" ticket="T"/>'))
        self.delivered.append(name)
        self.settled = False

    @precondition(lambda self: len(self.holders) == 1 and self.delivered)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.delivered))
        self.run(self.holder.delete(f"t-{name}", name))
        self.delivered.remove(name)
        self.gone |= {name, f"t-{name}"}
        self.settled = False

    @precondition(lambda self: len(self.holders) == 1 and self.delivered)
    @rule(data=st.data())
    def take_off_the_ticket(self, data: st.DataObject) -> None:
        """It becomes the holder's own, and goes at the other site."""
        self.let_them_follow()
        name = data.draw(st.sampled_from(self.delivered))
        self.run(self.holder.delete(f"t-{name}"))
        self.delivered.remove(name)
        self.gone.add(f"t-{name}")
        self.local[self.holder.name][name] = self.holder.cib.lines[name]
        self.let_them_follow()

    @precondition(lambda self: len(self.holders) == 1)
    @rule(value=VALUES, data=st.data())
    def edit(self, value: str, data: st.DataObject) -> None:
        names = ["vip-nic", *(f"{name}-v" for name in self.delivered)]
        self.run(self.holder.set_value(data.draw(st.sampled_from(names)), value))
        self.settled = False

    @precondition(lambda self: len(self.holders) == 1)
    @rule(data=st.data())
    def rearrange_the_group(self, data: st.DataObject) -> None:
        member = self.holder.cib.members["g"]
        renewed = etree.fromstring(document.canonical(member))
        children = [*renewed]
        if len(children) < 4:
            text = f'<primitive id="{self.new("g")}" class="ocf" provider="pacemaker" type="Dummy"/>'
            children.append(etree.fromstring(text))
        renewed[:] = data.draw(st.permutations(children))
        self.run(self.holder.replace(member, renewed))
        self.settled = False

    # -- what is each site's own

    @rule(name=NAMES)
    def create_locally(self, name: str) -> None:
        site, identifier = self.sites[name], self.new(f"local-{name}-")
        text = f'<primitive id="{identifier}" class="ocf" provider="pacemaker" type="Dummy"/>'
        self.run(site.create(text, f'<rsc_location id="at-{identifier}" rsc="{identifier}" node="n1" score="1"/>'))
        for each in (identifier, f"at-{identifier}"):
            self.local[name][each] = site.cib.lines[each]

    @rule(name=NAMES, data=st.data())
    def delete_locally(self, name: str, data: st.DataObject) -> None:
        own = [identifier for identifier in self.local[name] if f"at-{identifier}" in self.local[name]]
        if own:
            identifier = data.draw(st.sampled_from(own))
            self.run(self.sites[name].delete(f"at-{identifier}", identifier))
            del self.local[name][identifier], self.local[name][f"at-{identifier}"]

    @precondition(lambda self: len(self.holders) == 1 and self.settled)
    @rule(value=VALUES)
    def meddle_at_the_other_site(self, value: str) -> None:
        """With what was delivered there."""
        self.run(self.other.set_value("vip-nic", value))
        self.settled = False

    # -- the ticket

    @precondition(lambda self: len(self.holders) == 1)
    @rule(orderly=st.booleans())
    def move_the_ticket(self, orderly: bool) -> None:
        """What the other site does not have by then is lost, and what it has still is back."""
        if orderly:
            self.let_them_follow()
        here, there = self.holder, self.other
        self.run(here.ticket("revoke"))
        self.holders = set()
        if orderly:
            self.let_them_follow()
        self.run(there.ticket("grant"))
        self.holders = {there.name}
        members = there.cib.members
        self.delivered = [name for name in members if name.startswith("p") and f"t-{name}" in members]
        self.gone -= members.keys()
        self.settled = False

    @precondition(lambda self: len(self.holders) == 1)
    @rule(name=NAMES, value=VALUES)
    def claim_it_twice(self, name: str, value: str) -> None:
        self.let_them_follow()
        self.run(self.other.ticket("grant"))
        self.holders = {"a", "b"}
        self.run(self.sites[name].set_value("vip-nic", value))
        self.let_them_follow()

    @precondition(lambda self: len(self.holders) == 2)
    @rule(name=NAMES)
    def settle_the_claims(self, name: str) -> None:
        self.run(self.sites[name].ticket("revoke"))
        self.holders -= {name}
        self.settled = False

    # -- the agents

    @rule(name=NAMES)
    def restart(self, name: str) -> None:
        self.run(self.sites[name].stop())
        self.run(self.sites[name].start())

    @rule()
    def let_them_follow(self) -> None:
        """A holder never changes by it, and nobody does where there is not exactly one."""
        before = {name: site.members() for name, site in self.sites.items()}
        for site in self.sites.values():
            self.run(site.follow())
        for name, site in self.sites.items():
            if len(self.holders) != 1 or name in self.holders:
                assert site.members() == before[name]
        if len(self.holders) == 1:
            self.settled = True
            self.converged()

    def converged(self) -> None:
        here, there = self.holder, self.other
        wanted = there.mangle(here.closure, there.cib.tickets).closure
        assert there.closure.lines == wanted.lines
        assert there.owned == wanted.lines.keys()
        assert here.owned == here.closure.lines.keys()
        assert there.cib.ids["vip-ip"].get("value") == ADDRESSES[there.name]
        assert there.members().keys() == wanted.lines.keys() | self.local[there.name].keys()
        versions = {name: site.cib.version for name, site in self.sites.items()}
        for site in self.sites.values():
            self.run(site.follow())
        assert {name: site.cib.version for name, site in self.sites.items()} == versions

    # -- what holds always

    @invariant()
    def what_is_local_survives(self) -> None:
        for name, own in self.local.items():
            lines = self.sites[name].cib.lines if own else {}
            assert {identifier: lines.get(identifier) for identifier in own} == own

    @invariant()
    def what_is_deleted_stays_so(self) -> None:
        if self.settled and len(self.holders) == 1:
            for site in self.sites.values():
                assert not self.gone & (site.cib.members.keys() - self.local[site.name].keys())


TestTwoSites = TwoSites.TestCase
TestTwoSites.settings = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
