"""What agents do at two or three sites by themselves and for people, what kills them, and what is so at any time.

Rules of this file: as those of world_of_sites.py.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from qmfagent.cib.ticket import Term
from qmfagent.errors import QmfAgentError
from qmfagent.replication.applying.applier import blocking
from qmfagent.replication.applying.intent import CHANGES
from tests.model import edits
from tests.model.laws import FORGED, dangling
from tests.model.quiet import Quiet
from tests.model.site import TICKET, Site
from tests.model.world_of_sites import FUSES, NAMES, SITES, World

LATEST = Term(0, 10**12)


class Sites(World):
    """All that can happen."""

    # -- what arrives

    @precondition(lambda self: self.network.published)
    @rule(data=st.data(), name=SITES, anyone=st.booleans(), forged=st.booleans(), fuse=FUSES)
    def replay(self, data: st.DataObject, name: str, anyone: bool, forged: bool, fuse: int | None) -> None:
        """What was published once arrives late, or again, or from another site; or it says that it is newer, unsigned."""
        site = self.up(name)
        if site is None:
            return
        claiming = {each.name for each in self.network.claiming(site)} if not anyone else NAMES
        old = [each for each in self.network.published if each.site in claiming]
        if old:
            self.seen["replayed"] += 1
            chosen = data.draw(st.sampled_from(old))
            site.replay = replace(chosen, signature=FORGED, term=LATEST) if forged else chosen
            self.run(site.survive(site.follow(), fuse))
            site.replay = None

    # -- the agents

    @rule(name=SITES, fuse=FUSES)
    def heal(self, name: str, fuse: int | None) -> None:
        if site := self.up(name):
            self.run(site.survive(site.heal(), fuse))

    @rule(name=SITES, data=st.data(), edit=st.sampled_from((*edits.OF_ANYBODY, *edits.OF_OTHERS)))
    def follow_while_somebody_edits(self, name: str, data: st.DataObject, edit: Callable[..., Any]) -> None:
        """Between the plan and its write."""
        self.edit_at_a_holder(data, edits.set_value, None)
        site = self.up(name)
        if site is None or site.holds:
            return
        before = site.cib

        def meanwhile() -> None:
            site.change(edit(data.draw, site, self.new))
            self.seen["edited in between"] += site.cib is not before

        site.store.meanwhile = meanwhile
        self.run(site.survive(site.follow()))
        site.store.meanwhile = None

    @rule(name=SITES, data=st.data(), edit=st.sampled_from(edits.OF_HOLDERS), fuse=st.integers(0, 9))
    def follow_and_be_killed(self, name: str, data: st.DataObject, edit: Callable[..., Any], fuse: int) -> None:
        """At some point of following what has just been published."""
        self.edit_at_a_holder(data, edit, None)
        self.follow(name, fuse)

    @rule(name=SITES)
    def restart(self, name: str) -> None:
        if site := self.up(name):
            self.run(site.start())

    # -- what people ask of agents

    @rule(name=SITES, action=st.sampled_from(["pause", "resume", "resume", "pin", "unpin", "unpin"]), fuse=FUSES)
    def hold(self, name: str, action: str, fuse: int | None) -> None:
        if site := self.up(name):

            async def hold() -> None:
                site.holding.change(TICKET, action, "person")

            self.run(site.survive(hold(), fuse))

    @rule(name=SITES, data=st.data(), adopt=st.booleans(), at_once=st.booleans(), fuse=FUSES)
    def plan(self, name: str, data: st.DataObject, adopt: bool, at_once: bool, fuse: int | None) -> None:
        """Something new, and carry the plan out, or wait with that."""
        self.edit_at_a_holder(data, edits.set_value, None)
        site = self.up(name)
        if site is None:
            return
        with suppress(QmfAgentError):
            prepared, _ = self.run(site.applier.show(TICKET, "person", adopt=adopt))
            if prepared.plan.token:
                self.tokens.append((site, prepared.plan.token))
                if at_once:
                    self.carry_out(site, prepared.plan.token, fuse)

    @precondition(lambda self: self.tokens)
    @rule(data=st.data(), fuse=FUSES)
    def apply(self, data: st.DataObject, fuse: int | None) -> None:
        """What was planned at some time."""
        site, token = data.draw(st.sampled_from(self.tokens))
        if site.name not in self.network.down:
            self.carry_out(site, token, fuse)

    def carry_out(self, site: Site, token: str, fuse: int | None) -> None:
        """Exactly what was shown, or nothing."""
        before = site.cib
        planned = site.applier.plans.find(token)
        if planned and planned.publication:
            site.given = planned.publication

        async def apply() -> None:
            try:
                await site.applier.apply(token, "person")
            except QmfAgentError:
                assert site.cib is before
            else:
                assert planned is not None
                assert planned.base == before.lines
                self.seen["applied by token"] += 1
            await site.notice()

        self.run(site.survive(apply(), fuse))

    @rule(name=SITES, data=st.data(), fuse=FUSES)
    def roll_back(self, name: str, data: st.DataObject, fuse: int | None) -> None:
        """What is owned is as it was, to the byte, and stays so."""
        site = self.up(name)
        changes = site.ledger.of_ticket(TICKET, CHANGES, 5) if site else []
        if site is None or not changes:
            return
        change = data.draw(st.sampled_from(changes)).number

        async def roll_back() -> None:
            try:
                prepared = await site.applier.plan_rollback(change)
                if refusal := blocking(prepared.plan):
                    raise refusal
                if prepared.plan.changes:
                    await site.applier.carry_out(prepared, "person")
                    assert site.ledger.standings()[TICKET].pinned == change
            except QmfAgentError:
                return
            earlier = self.laws.of(site).before[change]
            assert {i: site.cib.lines.get(i) for i in earlier} == earlier
            assert site.owned.keys() <= earlier.keys()
            await site.notice()

        self.run(site.survive(roll_back(), fuse))

    # -- quiet

    @rule(lift=st.booleans())
    def let_it_become_quiet(self, lift: bool) -> None:
        Quiet(self).come(lift=lift)

    @invariant()
    def nothing_hangs_in_the_air(self) -> None:
        """A constraint is never without its resource, and a snapshot brought forward is what a fresh look would show."""
        for site in self.network.sites.values():
            assert not dangling(site.cib)

    @invariant()
    def holders_are_left_alone(self) -> None:
        """Nobody ever changes what a holder has but its administrators; so the record of it is all there is to see."""
        for site in self.network.sites.values():
            if site.holds and site.name not in self.network.down and site.closure:
                assert site.owned == site.closure
