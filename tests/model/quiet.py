"""What is so once everybody reaches everybody and all agents have had their time: each site has what it is to have, and rests.

Rules of this file: what a site is to have is worked out from the one holder's CIB. A site that has it not has to have a reason,
and the reason has to be there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qmfagent.policy.modes import KEEP, MANUAL
from qmfagent.replication.following.replica import IN_SYNC
from tests.model.site import TICKET, Site

if TYPE_CHECKING:
    from tests.model.world_of_sites import World


class Quiet:
    """Quiet in a world of sites."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._laws = world.laws
        self._seen = world.seen

    def come(self, *, lift: bool = False) -> None:
        """Let it become quiet, and look; with `lift` nothing is held by a person any more."""
        world = self._world
        world.network.apart.clear()
        for site in world.sites:
            world.begin_anew(site.name)
            if lift:
                for action in ("resume", "unpin"):
                    site.holding.change(TICKET, action, "person")
        before = {site.name: dict(site.cib.lines) for site in world.sites}
        for _ in range(2):
            world.network.rest()
            for site in world.sites:
                world.run(site.heal())
                world.run(site.follow())
                world.run(site.watch())
        self._rests()
        for site in world.sites:
            self._drift_is_told(site)
            if site.holds or len(world.holders) > 1:
                assert site.cib.lines == before[site.name]
        if len(world.holders) > 1:
            self._seen["split"] += 1
        elif world.holders:
            (holder,) = world.holders
            for site in world.sites:
                if site is not holder:
                    self._follows(site, holder, before[site.name])
        self._seen["quiet"] += 1

    def _rests(self) -> None:
        """A second look writes nothing and tells nothing."""
        world = self._world
        versions = {site.name: site.cib.version for site in world.sites}
        events = {site.name: site.journal.last for site in world.sites}
        for site in world.sites:
            world.run(site.follow())
            world.run(site.heal())
        assert versions == {site.name: site.cib.version for site in world.sites}
        assert events == {site.name: site.journal.last for site in world.sites}

    def _drift_is_told(self, site: Site) -> None:
        fields = self._laws.drift(site)
        assert site.replicas._drift.get(TICKET, 0) == fields
        self._seen["drift"] += bool(fields)

    def _follows(self, site: Site, holder: Site, before: Mapping[str, bytes]) -> None:
        standing = site.ledger.standings().get(TICKET)
        replica = site.replicas.get(TICKET, holder.name)
        if not holder.closure:
            self._seen["withdrawn"] += 1
            return
        publication, newest = holder.publisher.current(holder.cib, TICKET), self._laws.of(site).newest
        source = publication.closure()
        # The same content again is no step back.
        stale = publication.term < self._laws.of(site).term and not (newest and newest.digest == publication.digest)
        assert (replica.reason == "stale") == stale
        wanted = site.mangle(source, site.cib.tickets).closure.lines
        strangers = {i for i in wanted if i in site.local and site.cib.lines[i] != wanted[i]}
        held = site.policy.mode == MANUAL or (standing and (standing.paused or standing.pinned))
        assert not held or site.policy.drift != KEEP or site.cib.lines == before
        if replica.state == IN_SYNC:
            assert not stale
            self._seen["converged"] += 1
            self._converged(site, wanted)
            assert site.policy.drift == KEEP or not self._laws.drift(site)
        elif replica.hold:
            assert held
            self._seen[f"held: {replica.hold}"] += 1
        else:
            self._seen[f"blocked: {replica.reason}"] += 1
            assert replica.reason in ("stale", "clash", "drifted", "in-use"), replica
            assert replica.reason != "clash" or strangers or self._parts_clash(site, wanted)
            assert replica.reason != "drifted" or (self._laws.drift(site) and site.policy.drift == KEEP)
        assert replica.state == IN_SYNC or replica.hold or replica.reason

    def _parts_clash(self, site: Site, wanted: dict[str, bytes]) -> bool:
        """Whether something in a member to come has the id of something of this site's own."""
        return any(f'id="{i}"'.encode() in line for line in wanted.values() for i in site.local)

    def _converged(self, site: Site, wanted: dict[str, bytes]) -> None:
        delivered = self._laws.of(site).delivered
        kept = {i for i in wanted if site.policy.drift == KEEP and site.cib.lines.get(i) != delivered.get(i)}
        here = site.closure
        assert {i: here.get(i) for i in wanted if i not in kept} == {
            i: line for i, line in wanted.items() if i not in kept
        }
        assert site.owned.keys() | kept == wanted.keys() | kept
        self._seen["kept while in sync"] += bool(kept)
