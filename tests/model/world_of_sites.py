"""Two or three sites, what administrators do at them, and what becomes of their ticket and of the network.

Rules of this file: a rule does one thing and lets it be judged; it never sets right what it finds. What is drawn comes from the
state, so that nearly every step does something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from qmfagent.journal.store import Retention
from qmfagent.policy.modes import AUTOMATIC, HEAL, KEEP, MANUAL, TicketPolicy
from tests.model import edits
from tests.model.clockwork import Loop
from tests.model.laws import Laws
from tests.model.network import Network
from tests.model.quiet import Quiet
from tests.model.site import Site

NAMES = ("a", "b", "c")
SITES = st.sampled_from(NAMES)
VALUES = st.sampled_from(["1", "2", "ä<&>", ""])
# How many points an agent passes before it is killed; mostly it is not.
FUSES = st.one_of(st.none(), st.none(), st.integers(0, 9))
POLICIES = st.builds(TicketPolicy, st.sampled_from([AUTOMATIC, AUTOMATIC, MANUAL]), drift=st.sampled_from([KEEP, HEAL]))
SMALL, LARGE = Retention(max_entries=5), Retention()


class World(RuleBasedStateMachine):
    """The ticket begins at site a, with an address, a group and a resource that depend on it."""

    def __init__(self, seen: Counter[str]) -> None:
        super().__init__()
        self.loop = Loop()
        self.network = Network()
        self.laws = Laws(seen)
        self.seen = seen
        self.tokens: list[tuple[Site, str]] = []
        self.number = 0

    def run(self, work: Awaitable[Any]) -> Any:
        result = self.loop.run_until_complete(work)
        if self.laws.broken:
            raise self.laws.broken
        return result

    def teardown(self) -> None:
        try:
            for site in self.sites:
                self.laws.journal(site)
        finally:
            for site in self.sites:
                site.events.close()
            self.loop.close()

    @initialize(
        number=st.sampled_from([2, 3]),
        policies=st.tuples(POLICIES, POLICIES, POLICIES),
        retention=st.sampled_from([SMALL, LARGE]),
    )
    def begin(self, number: int, policies: tuple[TicketPolicy, ...], retention: Retention) -> None:
        for name, policy in zip(NAMES[:number], policies, strict=False):
            cib = edits.cib(edits.RESOURCES, edits.CONSTRAINTS) if name == "a" else edits.cib("", "")
            self.network.sites[name] = Site(name, self.network, self.laws, cib, policy, retention)
        for site in self.sites:
            self.run(site.start())
        self.site("a").ticket("grant")
        self.run(self.site("a").notice())
        for site in self.sites:
            self.run(site.follow())

    @property
    def sites(self) -> list[Site]:
        return [*self.network.sites.values()]

    def site(self, name: str) -> Site:
        """The site of that name, or another one where there are only two."""
        return self.network.sites.get(name) or self.network.sites["b"]

    def up(self, name: str) -> Site | None:
        """The same, if its agent runs."""
        site = self.site(name)
        return None if site.name in self.network.down else site

    @property
    def holders(self) -> list[Site]:
        return [site for site in self.sites if site.holds]

    def noticed(self, site: Site, fuse: int | None = None) -> None:
        """Something has changed at a site: its agent works through it, if it runs."""
        if site.name not in self.network.down:
            self.run(site.survive(site.notice(), fuse))

    def new(self, kind: str) -> str:
        self.number += 1
        return f"{kind}{self.number}"

    # -- administrators, of what depends on the ticket where it is held, and of what is a site's own anywhere

    @rule(data=st.data(), edit=st.sampled_from(edits.OF_HOLDERS), fuse=FUSES)
    def edit_at_a_holder(self, data: st.DataObject, edit: Callable[..., Any], fuse: int | None) -> None:
        if self.holders:
            site = data.draw(st.sampled_from(self.holders))
            site.change(edit(data.draw, site, self.new))
            self.noticed(site, fuse)

    @rule(data=st.data(), name=SITES, edit=st.sampled_from(edits.OF_ANYBODY))
    def edit_locally(self, data: st.DataObject, name: str, edit: Callable[..., Any]) -> None:
        site = self.site(name)
        site.change(edit(data.draw, site, self.new))
        self.noticed(site)

    @rule(data=st.data(), name=SITES, edit=st.sampled_from(edits.OF_OTHERS))
    def meddle_with_what_was_delivered(self, data: st.DataObject, name: str, edit: Callable[..., Any]) -> None:
        site = self.site(name)
        if not site.holds and site.owned:
            self.seen["meddled"] += 1
            site.change(edit(data.draw, site, self.new))
            self.noticed(site)

    @rule(values=st.permutations(["1", "2", "3", "4"]))
    def edit_the_same_everywhere(self, values: list[str]) -> None:
        """Each site in its own way."""
        for site, value in zip(self.sites, values, strict=False):
            if "vip-v" in site.cib.ids:
                site.set_value("vip-v", value)
                self.noticed(site)

    # -- the ticket

    @rule(name=SITES, orderly=st.booleans())
    def move_the_ticket(self, name: str, orderly: bool) -> None:
        """What the next holder does not have by then is lost, and what it has still is back."""
        if orderly:
            Quiet(self).come()
        for site in self.holders:
            self.take_the_ticket_from(site)
        self.grant(name)

    def grant(self, name: str) -> None:
        site = self.site(name)
        if not site.holds:
            self.seen["granted"] += 1
            site.ticket("grant")
            self.noticed(site)

    @rule(name=SITES, forced=st.sampled_from([False, False, False, True]))
    def grant_where_nobody_is_seen_to_hold_it(self, name: str, forced: bool) -> None:
        """Or against all that is known, by force."""
        if forced or not self.network.claiming(self.site(name)):
            self.grant(name)

    @rule(name=SITES)
    def revoke(self, name: str) -> None:
        site = self.site(name)
        if site.holds:
            self.take_the_ticket_from(site)

    def take_the_ticket_from(self, site: Site) -> None:
        self.begin_anew(site.name)
        site.ticket("revoke")
        self.noticed(site)

    @precondition(lambda self: len(self.holders) == 1)
    @rule(data=st.data(), name=SITES, follower=SITES, kept=st.booleans())
    def grant_it_twice_for_a_while(self, data: st.DataObject, name: str, follower: str, kept: bool) -> None:
        """While its holder can't be reached; whoever is left with it then may have the older grant."""
        (holder,) = self.holders
        other = self.site(name)
        self.network.apart.add(holder.name)
        self.grant(other.name)
        self.edit_at_a_holder(data, edits.set_value, None)
        self.follow(follower, None)
        self.network.apart.clear()
        self.follow(data.draw(SITES), None)
        if other is not holder:
            self.take_the_ticket_from(holder if kept else other)

    # -- the network

    @rule(name=SITES, apart=st.booleans())
    def part_or_join(self, name: str, apart: bool) -> None:
        (self.network.apart.add if apart else self.network.apart.discard)(self.site(name).name)

    # -- agents that are not there

    @rule(name=SITES)
    def stop(self, name: str) -> None:
        self.network.down.add(self.site(name).name)

    @rule(name=SITES)
    def begin_anew(self, name: str) -> None:
        site = self.site(name)
        if site.name in self.network.down:
            self.network.down.remove(site.name)
            self.run(site.start())

    @rule(name=SITES, fuse=FUSES)
    def follow(self, name: str, fuse: int | None) -> None:
        if site := self.up(name):
            self.run(site.survive(site.follow(), fuse))
